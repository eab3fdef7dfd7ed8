// WikiText-2 (Merity et al. 2016): how well a model predicts whole pages of Wikipedia.
import Essentials

extension EvaluationTask {
  package static let wikitext = EvaluationTask(
    "wikitext", version: 2,
    dataset: Dataset(
      "EleutherAI/wikitext_document_level", configuration: "wikitext-2-raw-v1", split: "test"),
    .documents(metrics: [.bitsPerByte, .bytePerplexity, .wordPerplexity]) {
      EvaluationDocument(wikitextPage: try $0.text("page"))
    })
}
