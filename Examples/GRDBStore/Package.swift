// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "grdb-store",
    platforms: [.macOS(.v15), .iOS(.v18)],
    dependencies: [
        .package(name: "swift-idempotency", path: "../.."),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    ],
    targets: [
        .executableTarget(
            name: "GRDBStore",
            dependencies: [
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencySQL", package: "swift-idempotency"),
            ]
        ),
        .testTarget(
            name: "GRDBStoreTests",
            dependencies: [
                "GRDBStore",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencySQL", package: "swift-idempotency"),
                .product(name: "IdempotencyTesting", package: "swift-idempotency"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
