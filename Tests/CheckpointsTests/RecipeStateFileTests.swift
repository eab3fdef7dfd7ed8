// The recipe state: tensors and strings that come back, and no other file taken for one.
import Essentials
import Foundation
import Tensors
import TestSupport
import Testing
import WeightFiles

@testable import Checkpoints

@Suite struct RecipeStateFileTests {
  @Test func comesBack() throws {
    let scratch = try Scratch()
    let moments = Tensor.arange(24).reshape(6, 4)
    for step in ["7", "8"] {
      let writer = try RecipeStateFile.writer(
        in: scratch["out"], [.init("mean.a", .float32, [6, 4]), .init("seen", .int64, [2])],
        metadata: ["step": step])
      try writer.write(Tensor([3, 4] as [Int64]), to: "seen")
      try writer.write(moments, to: "mean.a")
      try writer.finish()
    }
    let path = RecipeStateFile.path(in: scratch["out"])
    let state = try RecipeStateFile.open(path: path)
    #expect(state.metadata["step"] == "8")
    #expect(try state.tensor(named: "seen").int64s == [3, 4])
    #expect(
      try state.rows(2..<5, of: "mean.a").isEqual(to: moments.narrow(0, from: 2, count: 3)))
    #expect(
      scratch.everything == [
        "out", "out/recipe_state", "out/recipe_state/recipe_state.safetensors",
      ])
  }

  @Test func isNoOtherFile() throws {
    let error = try #require(
      thrown { _ = try RecipeStateFile.open(path: fixture("nano/model.safetensors")) })
    #expect(error.code == .malformedFile && error.message.contains("not a recipe state"))
    #expect(thrown { _ = try RecipeStateFile.open(path: "/nowhere/x") }?.code == .missingFile)
  }
}
