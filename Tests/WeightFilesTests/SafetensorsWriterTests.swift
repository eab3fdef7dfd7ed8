// Writing safetensors: what is written is what is read, and a failure costs nothing that was there.
import Essentials
import Foundation
import Tensors
import TestSupport
import Testing

@testable import WeightFiles

@Suite struct SafetensorsWriterTests {
  @Test(arguments: DType.allCases) func writesWhatIsRead(dtype: DType) throws {
    let scratch = try Scratch()
    let generator = RandomGenerator(seed: 3)
    let shapes = [[3, 5], [], [0, 4], [7]]
    let tensors = shapes.map { generator.integers($0, in: 0..<2).to(dtype) }
    let writer = try SafetensorsWriter(
      to: scratch["f"], shapes.enumerated().map { .init("t\($0)", dtype, $1) },
      metadata: ["who": "us \"é\" \n"])
    for position in [2, 0, 3, 1] { try writer.write(tensors[position], to: "t\(position)") }
    #expect(!FileManager.default.fileExists(atPath: scratch["f"]))
    try writer.finish()
    let file = try SafetensorsFile(path: scratch["f"])
    #expect(file.metadata == ["who": "us \"é\" \n"])
    #expect(file.byteCount == writer.byteCount)
    for (position, tensor) in tensors.enumerated() {
      let read = try file.tensor(named: "t\(position)")
      #expect(read.shape == tensor.shape && read.dtype == dtype)
      #expect(read.withBytes { Array($0) } == tensor.contiguous().withBytes { Array($0) })
    }
    #expect(scratch.everything == ["f"])
  }

  @Test func alignsTheFirstTensor() throws {
    let scratch = try Scratch()
    for length in 1...9 {
      let name = String(repeating: "n", count: length)
      let writer = try SafetensorsWriter(to: scratch[name], [.init(name, .int64, [1])])
      try writer.write(Tensor([Int64(5)]), to: name)
      try writer.finish()
      let file = try SafetensorsFile(path: scratch[name])
      #expect(try #require(file.entry(name)).bytes.lowerBound % 8 == 0)
    }
  }

  @Test func writesViews() throws {
    let scratch = try Scratch()
    let view = Tensor.arange(12).reshape(3, 4).transpose(0, 1)
    let writer = try SafetensorsWriter(to: scratch["f"], [.init("a", .float32, [4, 3])])
    try writer.write(view, to: "a")
    try writer.finish()
    #expect(try SafetensorsFile(path: scratch["f"]).tensor(named: "a").isEqual(to: view))
  }

  @Test func droppedBeforeTheEndLeavesTheOldFile() throws {
    let scratch = try Scratch()
    let path = try scratch.write([1, 2, 3], "f")
    do {
      let writer = try SafetensorsWriter(to: path, [.init("a", .float32, [4])])
      try writer.write(Tensor.ones([4]), to: "a")
    }
    #expect(try bytes(of: path) == [1, 2, 3])
    #expect(scratch.everything == ["f"])
  }

  @Test func removesWhatAKilledRunLeft() throws {
    let scratch = try Scratch()
    // No process has this number: the kernel's limit is below.
    _ = try scratch.write([1], "f.partial-2000000000")
    _ = try scratch.write([1], "f.partial-old")
    _ = try scratch.write([1], "other.partial-2000000000")
    _ = try SafetensorsWriter(to: scratch["f"], [.init("a", .float32, [4])])
    #expect(scratch.everything == ["f.partial-old", "other.partial-2000000000"])
  }

  @Test func aFolderThatIsNotThere() {
    let error = thrown {
      _ = try SafetensorsWriter(to: "/nowhere/f", [.init("a", .float32, [4])])
    }
    #expect(error?.code == .disk && error?.location.file == "/nowhere/f")
  }

  /// A limit on the size of files stands for a full disk: it is met when the file is begun.
  @Test func aFullDiskIsMetBeforeTheWorkIsDone() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let path = try scratch.write([1, 2, 3], "f")
      limitFileSize(4096)
      let error = thrown { _ = try SafetensorsWriter(to: path, [.init("a", .float32, [4096])]) }
      #expect(error?.code == .disk && error?.location.file == path)
      #expect(try bytes(of: path) == [1, 2, 3])
      #expect(scratch.everything == ["f"])
    }
  }

  @Test func aWriteThatFailsMidwayLeavesTheOldFile() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let path = try scratch.write([1, 2, 3], "f")
      do {
        let writer = try SafetensorsWriter(
          to: path, [.init("a", .float32, [16]), .init("b", .float32, [4096])])
        try writer.write(Tensor.ones([16]), to: "a")
        limitFileSize(4096)
        #expect(thrown { try writer.write(Tensor.ones([4096]), to: "b") }?.code == .disk)
      }
      #expect(try bytes(of: path) == [1, 2, 3])
      #expect(scratch.everything == ["f"])
    }
  }

  @Test func aTensorOfAnotherShapeIsOurMistake() async {
    await #expect(processExitsWith: .failure) {
      let writer = try SafetensorsWriter(to: Scratch()["f"], [.init("a", .float32, [4])])
      try writer.write(Tensor.ones([5]), to: "a")
    }
  }
}
