// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "idempotency-hummingbird",
    products: [
        .library(name: "IdempotencyHummingbird", targets: ["IdempotencyHummingbird"])
    ],
    dependencies: [
        .package(name: "swift-idempotency", path: "../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
    ],
    targets: [
        .target(
            name: "IdempotencyHummingbird",
            dependencies: [
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyHTTP", package: "swift-idempotency"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "IdempotencyHummingbirdTests",
            dependencies: [
                "IdempotencyHummingbird",
                .product(name: "IdempotencyInMemory", package: "swift-idempotency"),
                .product(name: "IdempotencyTesting", package: "swift-idempotency"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                // For the guide's code, which is compiled with what these tests are built with.
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyHTTP", package: "swift-idempotency"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            // As in the library itself: the Apple systems that have `Synchronization`, and nothing raised for others.
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
