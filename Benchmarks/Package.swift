// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    traits: [
        .trait(name: "SQLite", description: "The benchmark of the SQLite store. Needs the C library libsqlite3."),
        .trait(name: "PostgreSQL", description: "The benchmark of the PostgreSQL store. Needs the C library libpq."),
        .trait(name: "Redis", description: "The benchmark of the Redis store. Needs the C library hiredis."),
        .trait(
            name: "HTTP",
            description: "The benchmark of the HTTP middleware. Builds Hummingbird, which takes minutes."
        ),
    ],
    dependencies: [
        .package(
            name: "swift-idempotency",
            path: "..",
            traits: [
                .trait(name: "SQLite", condition: .when(traits: ["SQLite"])),
                .trait(name: "PostgreSQL", condition: .when(traits: ["PostgreSQL"])),
                .trait(name: "Redis", condition: .when(traits: ["Redis"])),
            ]
        ),
        .package(name: "idempotency-hummingbird", path: "../Integrations/IdempotencyHummingbird"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    ],
    targets: [
        .target(name: "Figures"),
        .executableTarget(name: "FigureReport", dependencies: ["Figures"]),
        .testTarget(name: "FiguresTests", dependencies: ["Figures"]),
        .executableTarget(
            name: "CoreBenchmark",
            dependencies: [
                "Figures",
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyInMemory", package: "swift-idempotency"),
            ]
        ),
        .target(
            name: "StoreWorkloads",
            dependencies: ["Figures", .product(name: "Idempotency", package: "swift-idempotency")]
        ),
        .target(
            name: "CSQLiteLoop",
            linkerSettings: [.linkedLibrary("sqlite3", .when(traits: ["SQLite"]))]
        ),
        .executableTarget(
            name: "SQLiteBenchmark",
            dependencies: [
                "Figures", "StoreWorkloads",
                .target(name: "CSQLiteLoop", condition: .when(traits: ["SQLite"])),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencySQL", package: "swift-idempotency"),
                .product(name: "IdempotencySQLite", package: "swift-idempotency"),
            ]
        ),
        .target(
            name: "CPostgreSQLLoop",
            linkerSettings: [.linkedLibrary("pq", .when(traits: ["PostgreSQL"]))]
        ),
        .executableTarget(
            name: "PostgreSQLBenchmark",
            dependencies: [
                "Figures", "StoreWorkloads",
                .target(name: "CPostgreSQLLoop", condition: .when(traits: ["PostgreSQL"])),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencySQL", package: "swift-idempotency"),
                .product(name: "IdempotencyPostgreSQL", package: "swift-idempotency"),
            ]
        ),
        .target(
            name: "CRedisLoop",
            linkerSettings: [.linkedLibrary("hiredis", .when(traits: ["Redis"]))]
        ),
        .executableTarget(
            name: "RedisBenchmark",
            dependencies: [
                "Figures", "StoreWorkloads",
                .target(name: "CRedisLoop", condition: .when(traits: ["Redis"])),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyRedis", package: "swift-idempotency"),
            ]
        ),
        .target(name: "CHTTPLoop"),
        .executableTarget(
            name: "HTTPBenchmark",
            dependencies: [
                "CHTTPLoop", "Figures",
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyHTTP", package: "swift-idempotency"),
                .product(name: "IdempotencyInMemory", package: "swift-idempotency"),
                .product(
                    name: "IdempotencyHummingbird",
                    package: "idempotency-hummingbird",
                    condition: .when(traits: ["HTTP"])
                ),
                .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["HTTP"])),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: .when(traits: ["HTTP"])),
                .product(name: "Logging", package: "swift-log", condition: .when(traits: ["HTTP"])),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["HTTP"])),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: .when(traits: ["HTTP"])),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets
where !["CSQLiteLoop", "CPostgreSQLLoop", "CRedisLoop", "CHTTPLoop"].contains(target.name) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
