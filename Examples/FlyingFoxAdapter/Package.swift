// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "flyingfox-adapter",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-idempotency", path: "../.."),
        .package(url: "https://github.com/swhitty/FlyingFox.git", from: "0.27.1"),
    ],
    targets: [
        .executableTarget(
            name: "FlyingFoxAdapter",
            dependencies: [
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyHTTP", package: "swift-idempotency"),
                .product(name: "IdempotencyInMemory", package: "swift-idempotency"),
            ]
        ),
        .testTarget(
            name: "FlyingFoxAdapterTests",
            dependencies: [
                "FlyingFoxAdapter",
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
                .product(name: "Idempotency", package: "swift-idempotency"),
                .product(name: "IdempotencyHTTP", package: "swift-idempotency"),
                .product(name: "IdempotencyInMemory", package: "swift-idempotency"),
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
