// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    traits: [
        .trait(name: "SQLite", description: "The benchmark of the SQLite store. Needs the C library libsqlite3.")
    ],
    dependencies: [
        .package(
            name: "swift-idempotency",
            path: "..",
            traits: [.trait(name: "SQLite", condition: .when(traits: ["SQLite"]))]
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
            name: "CSQLiteLoop",
            linkerSettings: [.linkedLibrary("sqlite3", .when(traits: ["SQLite"]))]
        ),
        .executableTarget(
            name: "SQLiteBenchmark",
            dependencies: [
                "Figures",
                .target(name: "CSQLiteLoop", condition: .when(traits: ["SQLite"])),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencySQLite", package: "swift-idempotency"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.name != "CSQLiteLoop" {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
