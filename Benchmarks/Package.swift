// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-idempotency", path: "..")],
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
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
