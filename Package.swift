// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "swift-idempotency",
    products: [
        .library(name: "Idempotency", targets: ["Idempotency"]),
        .library(name: "IdempotencyInMemory", targets: ["IdempotencyInMemory"]),
        .library(name: "IdempotencyTesting", targets: ["IdempotencyTesting"]),
        .executable(name: "Quickstart", targets: ["Quickstart"]),
    ],
    targets: [
        .target(name: "Idempotency"),
        .target(name: "IdempotencyInMemory", dependencies: ["Idempotency"]),
        .target(name: "IdempotencyTesting", dependencies: ["Idempotency"]),
        .executableTarget(name: "Quickstart", dependencies: ["Idempotency", "IdempotencyInMemory"]),
        .testTarget(
            name: "IdempotencyTests",
            dependencies: ["Idempotency", "IdempotencyInMemory", "IdempotencyTesting"]
        ),
        .testTarget(
            name: "IdempotencyTestingTests",
            dependencies: ["Idempotency", "IdempotencyInMemory", "IdempotencyTesting"]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets {
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
