// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    traits: [
        .trait(name: "SQLite", description: "The benchmark of the SQLite store. Needs the C library libsqlite3."),
        .trait(name: "PostgreSQL", description: "The benchmark of the PostgreSQL store. Needs the C library libpq."),
        .trait(name: "Redis", description: "The benchmark of the Redis store. Needs the C library hiredis."),
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
        )
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
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where !["CSQLiteLoop", "CPostgreSQLLoop", "CRedisLoop"].contains(target.name) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
