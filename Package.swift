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

/// One target a room, one folder a wing. A room depends on rooms below it in its own wing and on the wings
/// below (scripts/check proves it).
func room(_ name: String, in wing: String, _ below: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: below, path: "Sources/\(wing)/\(name)", swiftSettings: swift)
}
func program(_ name: String, _ below: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: below, path: "Sources/Commands/\(name)", swiftSettings: swift)
}
/// A library of the system: a module map.
func library(_ name: String, pkgConfig: String? = nil, apt: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/Libraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}
/// Tests with fixtures; where they are read from the sources, they are not copied.
func tests(
  _ name: String, _ below: [Target.Dependency], copiesFixtures: Bool = true
) -> Target {
  .testTarget(
    name: name, dependencies: below, exclude: copiesFixtures ? [] : ["Fixtures"],
    resources: copiesFixtures ? [.copy("Fixtures")] : [], swiftSettings: swift)
}
func plainTests(_ name: String, _ below: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: below, swiftSettings: swift)
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
    room("Essentials", in: "Foundations"),

    library("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),
    library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
    library("CSnappy", apt: "libsnappy-dev"),
    library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    library("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),

    .target(
      name: "CTorch", path: "Sources/Engine/CTorch", exclude: ["gloo-stubs"], cxxSettings: cxx,
      linkerSettings: link),

    room("Tensors", in: "Tensors", ["CTorch", "Essentials"]),
    room("Quantization", in: "Tensors", ["Tensors"]),
    room("Layers", in: "Tensors", ["Quantization", "Tensors", "Essentials"]),
    room("Sharding", in: "Tensors", ["Tensors", "Essentials"]),

    room("Archives", in: "Data", ["CZlib", "Essentials"]),
    room("Zstandard", in: "Data", ["CZstd", "Archives"]),
    room("Parquet", in: "Data", ["CSnappy", "Archives", "Zstandard", "Essentials"]),
    room("JinjaTemplates", in: "Data", ["Essentials"]),
    room("Templates", in: "Data", ["JinjaTemplates", "Essentials"]),
    room("Tokenizers", in: "Data", ["CPCRE2", "Templates", "Essentials"]),
    room("Records", in: "Data", ["Archives", "Zstandard", "Parquet", "Essentials", yams]),
    room(
      "Datasets", in: "Data", ["Archives", "Records", "Tokenizers", "Templates", "Essentials"]),
    room("Hub", in: "Data", ["Archives", "CCurl", "CCrypto", "Essentials"]),

    // Plain bytes, so that `tune` imports without libtorch.
    room("GGUF", in: "Models", ["Essentials"]),
    room("WeightFiles", in: "Models", ["CZlib", "CCrypto", "Tensors", "Essentials"]),
    room(
      "Checkpoints", in: "Models",
      ["WeightFiles", "Layers", "Quantization", "Tensors", "Essentials"]),

    room("EvaluationTasks", in: "Runs", ["Essentials"]),
    room(
      "Training", in: "Runs",
      [
        "Checkpoints", "WeightFiles", "Layers", "Quantization", "Sharding", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers", "Essentials",
      ]),
    room(
      "Inference", in: "Runs",
      [
        "Checkpoints", "EvaluationTasks", "Layers", "Quantization", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers", "Essentials",
      ]),

    // No room above libtorch's: `tune` starts without loading it.
    room("Configuration", in: "Commands", ["Essentials", yams]),
    room(
      "Catalog", in: "Commands",
      ["Configuration", "EvaluationTasks", "Templates", "Essentials"]),
    room("Builtins", in: "Commands", ["Configuration", "Catalog", "Essentials"]),
    room("Launching", in: "Commands", ["CCrypto", "Configuration", "Essentials"]),
    room(
      "Recipes", in: "Commands",
      [
        "Configuration", "Catalog", "Launching", "Training", "Inference", "EvaluationTasks",
        "Checkpoints", "WeightFiles", "Layers", "Quantization", "Sharding", "Tensors", "Datasets",
        "Records", "Templates", "Tokenizers", "Hub", "Essentials", yams,
      ]),
    room(
      "SwiftTune", in: "Commands",
      ["Recipes", "Configuration", "Catalog", "Builtins", "Launching", "Training", "Essentials"]),
    program(
      "tune-worker", ["Recipes", "Configuration", "Catalog", "Builtins", "Launching", "Essentials"]),
    program(
      "tune",
      ["Configuration", "Catalog", "Builtins", "Launching", "GGUF", "Hub", "Essentials", arguments]),
    program(
      "benchmarks",
      [
        "Training", "Inference", "Checkpoints", "Layers", "Quantization", "Sharding", "Tensors",
        "CTorch", "Datasets", "Records", "Templates", "Tokenizers", "Essentials",
      ]),
    program(
      "demonstrate",
      [
        "Recipes", "Configuration", "Catalog", "Builtins", "Launching", "Training",
        "EvaluationTasks",
        "Checkpoints", "Layers",
        "Tensors", "Datasets", "Records", "Templates", "Tokenizers", "Essentials",
      ]),

    program(
      "fuzz",
      [
        "Configuration", "Catalog", "Builtins", "Training", "Checkpoints", "WeightFiles", "GGUF",
        "Layers",
        "Tensors", "Archives", "Zstandard", "Records", "Datasets", "JinjaTemplates", "Templates",
        "Tokenizers", "Hub", "Essentials",
      ]),

    tests("QuantizationTests", ["WeightFiles", "Quantization", "Tensors"]),
    plainTests("LayersTests", ["Tensors", "Essentials"]),
    .target(
      name: "TestHub", dependencies: ["Hub", "Essentials"], path: "Tests/TestHub",
      swiftSettings: swift),
    .target(
      name: "TestSupport", dependencies: ["Tokenizers", "Essentials"], path: "Tests/TestSupport",
      swiftSettings: swift),
    plainTests("EssentialsTests", ["Essentials"]),
    plainTests("ArchivesTests", ["Archives", "TestSupport", "Essentials"]),
    tests(
      "ParquetTests", ["Parquet", "Archives", "Records", "TestSupport", "Essentials"],
      copiesFixtures: false),
    tests(
      "TokenizersTests",
      ["Tokenizers", "Templates", "JinjaTemplates", "TestSupport", "Essentials"],
      copiesFixtures: false),
    tests(
      "RecordsTests", ["Records", "Archives", "Zstandard", "TestSupport", "Essentials"],
      copiesFixtures: false),
    tests(
      "DatasetsTests", ["Datasets", "Records", "Tokenizers", "TestSupport", "Essentials"],
      copiesFixtures: false),
    tests("HubTests", ["Hub", "TestHub", "TestSupport", "Essentials"]),
    tests("GGUFTests", ["GGUF", "TestSupport", "Essentials"]),
    plainTests("WeightFilesTests", ["WeightFiles", "Tensors", "TestSupport", "Essentials"]),
    tests(
      "CheckpointsTests",
      [
        "Checkpoints", "WeightFiles", "Layers", "Quantization", "Tensors", "TestSupport",
        "Essentials",
      ]),
    tests(
      "WalkTests",
      [
        "Training", "Checkpoints", "WeightFiles", "Layers", "Quantization", "Sharding", "Tensors",
        "Datasets",
        "Records", "Templates", "Tokenizers",
      ]),
    tests(
      "OptimizersTests",
      ["Training", "Checkpoints", "WeightFiles", "Sharding", "Tensors", "Essentials"]),
    tests(
      "InferenceTests",
      [
        "Recipes", "Configuration", "Catalog", "Builtins", "Launching", "Inference",
        "EvaluationTasks",
        "Checkpoints", "WeightFiles", "Layers",
        "Quantization", "Tensors", "Datasets", "Records", "Templates", "Tokenizers", "TestSupport",
        "Essentials",
      ]),
    tests(
      "TrainingTests",
      [
        "Recipes", "Configuration", "Catalog", "Builtins", "Launching", "Training", "Inference",
        "EvaluationTasks", "Checkpoints", "WeightFiles",
        "Layers", "Quantization", "Sharding", "Tensors", "Datasets", "Records", "Templates",
        "Tokenizers", "TestSupport", "Essentials",
      ]),
    tests(
      "ConfigurationTests",
      ["Configuration", "Catalog", "Builtins", "Launching", "TestSupport", "Essentials"]),
    tests(
      "TuneTests",
      [
        "tune", "tune-worker", "Configuration", "Catalog", "Builtins", "Launching", "TestHub",
        "TestSupport",
        "Essentials",
      ]),
    plainTests("FuzzTests", ["fuzz", "TestSupport", "Essentials"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
