// swift-tools-version: 6.2
import Foundation
import PackageDescription

// libtorch: $LIBTORCH, else the folder that scripts/bootstrap noted, else the one it unpacked.
let here = Context.packageDirectory
let noted = (try? String(contentsOfFile: here + "/.libtorch/location", encoding: .utf8))?
  .trimmingCharacters(in: .whitespacesAndNewlines)
let libtorch = Context.environment["LIBTORCH"] ?? noted ?? here + "/.libtorch/torch"

let cxx: [CXXSetting] = [
  .unsafeFlags(["-O3"], .when(configuration: .release)),
  .unsafeFlags(["-O1"], .when(configuration: .debug)),
  .unsafeFlags([
    "-isystem", libtorch + "/include",
    "-isystem", libtorch + "/include/torch/csrc/api/include",
    "-ffp-contract=off", "-Wall", "-Wextra",
  ]),
  .headerSearchPath("gloo-stubs"),
  .headerSearchPath("bridge"), .headerSearchPath("numerics"), .headerSearchPath("layers"),
  .headerSearchPath("optimizers"),
  .define("USE_C10D_GLOO"), .define("USE_DISTRIBUTED"), .define("USE_RPC"),
  // Without it some of libtorch's headers include all of its operations.
  .define("AT_PER_OPERATOR_HEADERS"),
]
let link: [LinkerSetting] = [
  .unsafeFlags([
    "-L" + libtorch + "/lib",
    "-Xlinker", "-rpath", "-Xlinker", libtorch + "/lib",
    "-Xlinker", "--allow-shlib-undefined",
  ]),
  .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
]
let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// One target a floor; a floor depends on lower floors only (scripts/check proves it).
func floor(
  _ name: String, _ below: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .target(name: name, dependencies: below, exclude: exclude, swiftSettings: swift)
}
func tests(_ name: String, _ below: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: below, resources: [.copy("Fixtures")], swiftSettings: swift)
}
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "swift-tune",
  products: [
    .executable(name: "tune", targets: ["tune"]),
    .executable(name: "tune-worker", targets: ["tune-worker"]),
    .library(name: "SwiftTune", targets: ["SwiftTune"]),
    .library(name: "Tokenizers", targets: ["Tokenizers"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    floor("Essentials"),
    .target(
      name: "CTorch", exclude: ["gloo-stubs"], cxxSettings: cxx, linkerSettings: link),
    floor("Tensors", ["CTorch", "Essentials"]),
    floor("Quantization", ["Tensors"]),
    floor("Layers", ["Quantization", "Tensors", "Essentials"]),
    floor("Sharding", ["CTorch", "Tensors", "Essentials"]),
    .systemLibrary(
      name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
    floor("Archives", ["CZlib", "CZstd", "Essentials"]),
    floor("Parquet", ["CSnappy", "Archives", "Essentials"]),
    floor("Templates", ["Essentials"]),
    floor("Tokenizers", ["CPCRE2", "Templates", "Essentials"]),
    floor("Records", ["Archives", "Parquet", "Essentials", yams]),
    floor("Datasets", ["Archives", "Records", "Tokenizers", "Templates", "Essentials"]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    floor("Hub", ["Archives", "CCurl", "CCrypto", "Essentials"]),
    // No floor above libtorch's: the launcher checks the names of tasks.
    floor("EvaluationTasks", ["Essentials"]),
    // Plain bytes, so that `tune` imports without libtorch.
    floor("GGUF", ["Essentials"]),
    floor("Checkpoints", ["Layers", "Quantization", "Tensors", "Essentials"]),
    floor(
      "Training",
      [
        "CTorch", "Checkpoints", "Layers", "Quantization", "Sharding", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers",
        "Essentials",
      ]),
    floor(
      "Inference",
      [
        "Checkpoints", "EvaluationTasks", "Layers", "Quantization", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers", "Essentials",
      ]),
    // No floor above libtorch's: `tune` starts without loading it.
    floor("RunConfiguration", ["EvaluationTasks", "Templates", "Essentials", yams]),
    floor(
      "Recipes",
      [
        "RunConfiguration", "Training", "Inference", "EvaluationTasks", "Checkpoints", "Layers",
        "Quantization", "Sharding", "Tensors", "Datasets", "Records", "Templates", "Tokenizers",
        "Hub", "Essentials", yams,
      ]),
    floor("SwiftTune", ["Recipes", "RunConfiguration", "Training", "Essentials"]),
    .executableTarget(
      name: "tune-worker", dependencies: ["Recipes", "RunConfiguration", "Essentials"],
      swiftSettings: swift),
    .executableTarget(
      name: "tune", dependencies: ["RunConfiguration", "GGUF", "Hub", "Essentials", arguments],
      swiftSettings: swift),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "Training", "Inference", "Checkpoints", "Layers", "Quantization", "Sharding", "Tensors",
        "CTorch", "Datasets", "Records", "Templates", "Tokenizers", "Essentials",
      ], swiftSettings: swift),
    .executableTarget(
      name: "demonstrate",
      dependencies: [
        "Recipes", "RunConfiguration", "Training", "EvaluationTasks", "Checkpoints", "Layers",
        "Tensors", "Datasets", "Records", "Templates", "Tokenizers", "Essentials",
      ], swiftSettings: swift),
    tests("QuantizationTests", ["Checkpoints", "Quantization", "Tensors"]),
    .testTarget(
      name: "LayersTests", dependencies: ["Tensors", "Essentials"], swiftSettings: swift),
    tests(
      "TextTests",
      [
        "Archives", "Parquet", "Datasets", "Records", "Templates", "Tokenizers", "TestSupport",
        "Essentials",
      ]),
    .target(
      name: "TestHub", dependencies: ["Hub", "Essentials"], path: "Tests/TestHub",
      swiftSettings: swift),
    .target(
      name: "TestSupport", dependencies: ["Essentials"], path: "Tests/TestSupport",
      swiftSettings: swift),
    tests("HubTests", ["Hub", "TestHub", "TestSupport", "Essentials"]),
    tests("GGUFTests", ["GGUF", "TestSupport", "Essentials"]),
    tests(
      "CheckpointsTests", ["Checkpoints", "Layers", "Quantization", "Tensors", "Essentials"]),
    tests(
      "WalkTests",
      [
        "Training", "Checkpoints", "Layers", "Quantization", "Sharding", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers",
      ]),
    tests("OptimizersTests", ["Training", "Checkpoints", "Sharding", "Tensors", "Essentials"]),
    tests(
      "InferenceTests",
      [
        "Recipes", "RunConfiguration", "Inference", "EvaluationTasks", "Checkpoints", "Layers",
        "Quantization", "Tensors", "Datasets", "Records", "Templates", "Tokenizers", "TestSupport",
        "Essentials",
      ]),
    tests(
      "TrainingTests",
      [
        "Recipes", "RunConfiguration", "Training", "Inference", "EvaluationTasks", "Checkpoints",
        "Layers", "Quantization", "Sharding", "Tensors", "Datasets", "Records", "Templates",
        "Tokenizers", "TestSupport", "Essentials",
      ]),
    tests("ConfigurationTests", ["RunConfiguration", "TestSupport", "Essentials"]),
    tests(
      "TuneTests",
      ["tune", "tune-worker", "RunConfiguration", "TestHub", "TestSupport", "Essentials"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
