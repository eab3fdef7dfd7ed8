// What a user does with a model of each family, from its own files to text: quantization-aware
// training, quantization, evaluation, generation. And the format is nothing to training: the same
// weights give the same losses, bit for bit, whichever files they came in.
import Catalog
import Configuration
import Essentials
import Foundation
import Launching
import Layers
import Quantization
import Recipes
import Tensors
import Testing

@testable import Checkpoints

@Suite struct WholeFlowTests {
  @Test(arguments: TinyFamily.all) func everyFormatTrainsAlike(_ family: TinyFamily) throws {
    try TrainingFolder.with { folder in
      let flow = FamilyFlow(family: family, folder: folder)
      let parameters = family.decoder.specification.all
      var expected: (losses: [Int: Double], weights: [Tensor])?
      for form in family.forms {
        try family.write(form, to: folder.path + "/model")
        try flow.train(form, on: FamilyFlow.threeSteps)
        let losses = try folder.losses()
        let weights = try parameters.map { try flow.trained(form).whole($0).clone() }
        if let expected {
          #expect(losses == expected.losses, "\(form.file)")
          for (parameter, pair) in zip(parameters, zip(weights, expected.weights)) {
            #expect(pair.0.isEqual(to: pair.1), "\(form.file): \(parameter.name)")
          }
        }
        expected = expected ?? (losses, weights)
        let names = try FileManager.default
          .contentsOfDirectory(atPath: folder.path + "/out/epoch_2")
        let kept =
          family.tokenizerFiles.map(\.name) + (form.naming == .meta ? ["params.json"] : [])
        #expect(Set(names) == Set(form.written + kept + ["config.json"]), "\(form.file)")
        for name in ["model", "out"] { try folder.remove(name) }
      }
      let losses = try #require(expected?.losses)
      let first = try #require(losses[1])
      let (second, third) = try (#require(losses[2]), #require(losses[3]))
      #expect(losses.count == 3 && first.isFinite && third < second && second < first)
    }
  }

  @Test(arguments: TinyFamily.all) func fromItsOwnFilesToText(_ family: TinyFamily) throws {
    try fromItsOwnFilesToText(
      family, qat: FamilyFlow.qat, quantizer: FamilyFlow.quantizer,
      QuantizationScheme(groupSize: 32))
  }
  @Test func fromItsOwnFilesToTextWithWeightsAlone() throws {
    try fromItsOwnFilesToText(
      TinyFamily.all[0], qat: FamilyFlow.weightOnlyQAT, quantizer: FamilyFlow.weightOnly,
      .weightOnly(groupSize: 32))
  }

  private func fromItsOwnFilesToText(
    _ family: TinyFamily, qat: String, quantizer: String, _ scheme: QuantizationScheme
  ) throws {
    try TrainingFolder.with { folder in
      let flow = FamilyFlow(family: family, folder: folder)
      let form = family.forms[0]
      try family.write(form, to: folder.path + "/model")
      try flow.train(form, on: flow.byHeart(), qat)
      try runQuantize(
        flow.configuration(
          .quantize, form, from: "out/epoch_0", [form.written[0]], to: "quantized",
          quantizer),
        .single)
      let quantized = try ModelFolder(path: folder.path + "/quantized")
      #expect(quantized.quantizationScheme == scheme)
      #expect(quantized.configuration.decoder == family.decoder)

      let trained = FamilyFlow.Place(form: form, path: "out/epoch_0", file: form.written[0])
      let coded = FamilyFlow.Place(
        form: .safetensors, path: "quantized", file: "model.safetensors")
      let float = try flow.perplexity(trained)
      let four = try flow.perplexity(coded)
      #expect(try four == flow.perplexity(trained, quantizer) && four != float)
      // What is known by heart is known in 4 bits too. Qwen's texts have no BOS in training, from
      // which the first token could be known: it alone is a surprise.
      let bound = family.modelType.hasPrefix("QWEN") ? 2 : 1.02
      #expect(four < bound && float < bound, "\(four), \(float)")

      for (question, expected) in FamilyFlow.conversations {
        #expect(try flow.answer(to: question, coded) == expected)
        #expect(try flow.answer(to: question, trained, quantizer) == expected)
        #expect(try flow.answer(to: question, trained) == expected)
      }
    }
  }
}
