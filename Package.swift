// swift-tools-version: 6.2

import PackageDescription

// Where Debian's pkg-config says more than the package manager takes, and the library is where compilers look.
#if os(Linux)
let hiredis: String? = nil
#else
let hiredis: String? = "hiredis"
#endif

let package = Package(
    name: "swift-idempotency",
    products: [
        .library(name: "Idempotency", targets: ["Idempotency"]),
        .library(name: "IdempotencyInMemory", targets: ["IdempotencyInMemory"]),
        .library(name: "IdempotencyHTTP", targets: ["IdempotencyHTTP"]),
        .library(name: "IdempotencyTesting", targets: ["IdempotencyTesting"]),
        .library(name: "IdempotencySQL", targets: ["IdempotencySQL"]),
        .library(name: "IdempotencySQLite", targets: ["IdempotencySQLite"]),
        .library(name: "IdempotencyPostgreSQL", targets: ["IdempotencyPostgreSQL"]),
        .library(name: "IdempotencyRedis", targets: ["IdempotencyRedis"]),
        .executable(name: "Quickstart", targets: ["Quickstart"]),
    ],
    traits: [
        .trait(name: "SQLite", description: "The store on SQLite. Needs the C library libsqlite3."),
        .trait(name: "PostgreSQL", description: "The store on PostgreSQL. Needs the C library libpq."),
        .trait(name: "Redis", description: "The client of the store on Redis. Needs the C library hiredis."),
    ],
    targets: [
        .target(name: "Idempotency"),
        .target(name: "IdempotencyInMemory", dependencies: ["Idempotency"]),
        .target(name: "IdempotencyHTTP", dependencies: ["Idempotency"]),
        .target(name: "IdempotencyTesting", dependencies: ["Idempotency"]),
        .target(name: "IdempotencySQL", dependencies: ["Idempotency"]),
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]
        ),
        .target(
            name: "IdempotencySQLite",
            dependencies: [
                "Idempotency", "IdempotencySQL",
                .target(name: "CSQLite", condition: .when(traits: ["SQLite"])),
            ]
        ),
        .systemLibrary(
            name: "CPostgreSQL",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(
            name: "IdempotencyPostgreSQL",
            dependencies: [
                "Idempotency", "IdempotencySQL",
                .target(name: "CPostgreSQL", condition: .when(traits: ["PostgreSQL"])),
            ]
        ),
        .systemLibrary(
            name: "CRedis",
            pkgConfig: hiredis,
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]
        ),
        .target(
            name: "IdempotencyRedis",
            dependencies: [
                "Idempotency",
                .target(name: "CRedis", condition: .when(traits: ["Redis"])),
            ],
            resources: [.embedInCode("Store/check-and-set.lua")]
        ),
        .executableTarget(
            name: "Quickstart",
            dependencies: [
                "Idempotency", "IdempotencyInMemory",
                .target(name: "IdempotencySQL", condition: .when(traits: ["SQLite"])),
                .target(name: "IdempotencySQLite", condition: .when(traits: ["SQLite"])),
            ]
        ),
        // Several test targets share this.
        .target(name: "TestSupport", dependencies: ["Idempotency"], path: "Tests/TestSupport"),
        .testTarget(
            name: "IdempotencyTests",
            dependencies: ["TestSupport", "Idempotency", "IdempotencyInMemory", "IdempotencyTesting"]
        ),
        .testTarget(
            name: "IdempotencyTestingTests",
            dependencies: ["Idempotency", "IdempotencyInMemory", "IdempotencyTesting"]
        ),
        .testTarget(
            name: "IdempotencyHTTPTests",
            dependencies: [
                "TestSupport", "Idempotency", "IdempotencyHTTP", "IdempotencyInMemory", "IdempotencyTesting",
            ]
        ),
        // A process that tests of durable stores start and kill.
        .executableTarget(
            name: "StoreWorker",
            dependencies: ["Idempotency", "IdempotencySQLite"],
            path: "Tests/StoreWorker"
        ),
        // The same in transactional mode, and who starts it, kills it and looks at what is left.
        .executableTarget(
            name: "LedgerWorker",
            dependencies: [
                "Idempotency", "IdempotencySQL", "IdempotencySQLite", "IdempotencyPostgreSQL", "IdempotencyRedis",
            ],
            path: "Tests/LedgerWorker"
        ),
        .target(
            name: "LedgerHarness",
            dependencies: ["Idempotency", "IdempotencySQL"],
            path: "Tests/LedgerHarness"
        ),
        // Servers that are treated badly, and the way to them.
        .target(name: "ServerHarness", dependencies: ["TestSupport", "Idempotency"], path: "Tests/ServerHarness"),
        .testTarget(
            name: "IdempotencySQLiteTests",
            dependencies: [
                "StoreWorker", "LedgerWorker", "LedgerHarness", "TestSupport",
                "Idempotency", "IdempotencySQL", "IdempotencySQLite", "IdempotencyTesting",
                .target(name: "CSQLite", condition: .when(traits: ["SQLite"])),
            ]
        ),
        .testTarget(
            name: "IdempotencyPostgreSQLTests",
            dependencies: [
                "LedgerWorker", "LedgerHarness", "ServerHarness", "TestSupport",
                "Idempotency", "IdempotencySQL", "IdempotencyPostgreSQL", "IdempotencyTesting",
                .target(name: "CPostgreSQL", condition: .when(traits: ["PostgreSQL"])),
            ]
        ),
        .testTarget(
            name: "IdempotencyRedisTests",
            dependencies: [
                "LedgerWorker", "LedgerHarness", "ServerHarness", "TestSupport",
                "Idempotency", "IdempotencyRedis", "IdempotencyTesting",
                .target(name: "CRedis", condition: .when(traits: ["Redis"])),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// A system library has nothing to be compiled.
for target in package.targets where target.type != .system {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            // The Apple systems that have `Synchronization` and task executors; nothing is raised for anybody else.
            .enableExperimentalFeature(
                "AvailabilityMacro=Idempotency 0.1:macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0"
            ),
            // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
            .enableUpcomingFeature("ExistentialAny"),
            // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
            .enableUpcomingFeature("MemberImportVisibility"),
            // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
            .enableUpcomingFeature("InternalImportsByDefault"),
            // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        ]
}
