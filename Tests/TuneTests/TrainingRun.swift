// The tiny golden model as `tune run` trains it in processes of its own: a folder with its
// configuration, started and looked after.
import Foundation
import Testing

struct TrainingRun {
  let folder: String

  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
  /// A file or folder of any tests' fixtures.
  static func fixture(_ name: String) -> String {
    tests.appendingPathComponent(name).path
  }

  init(in folder: String) throws {
    self.folder = folder
    let tokenizer = Self.fixture("TextTests/Fixtures/tokenizer_tiny")
    let text = """
      output_dir: \(folder)/out
      tokenizer:
        _component_: torchtune.models.llama3.llama3_tokenizer
        path: \(tokenizer)/tokenizer.model
        special_tokens_path: \(tokenizer)/tokenizer.json
        max_seq_len: 96
      dataset:
        _component_: torchtune.datasets.alpaca_dataset
        source: json
        data_files: \(Self.fixture("TrainingTests/Fixtures/alpaca.json"))
      seed: 1234
      shuffle: False
      model:
        _component_: torchtune.models.llama3.llama3
        vocab_size: 1056
        num_layers: 2
        num_heads: 4
        num_kv_heads: 2
        embed_dim: 128
        max_seq_len: 512
        intermediate_dim: 256
        norm_eps: 1e-5
        rope_base: 500000
      checkpointer:
        _component_: torchtune.training.FullModelHFCheckpointer
        checkpoint_dir: \(Self.fixture("CheckpointsTests/Fixtures/nano"))
        checkpoint_files: [model.safetensors]
        output_dir: ${output_dir}
        model_type: LLAMA3
      batch_size: 2
      epochs: 1
      quantizer:
        _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
        groupsize: 32
      optimizer:
        _component_: torch.optim.AdamW
        lr: 1e-3
        fused: True
      loss:
        _component_: torchtune.modules.loss.LinearCrossEntropyLoss
      max_steps_per_epoch: 5
      device: cpu
      dtype: fp32
      enable_activation_checkpointing: True
      metric_logger:
        _component_: torchtune.training.metric_logging.DiskLogger
        log_dir: ${output_dir}/logs
        filename: log.txt
      log_every_n_steps: 1
      """
    try text.write(toFile: folder + "/train.yaml", atomically: true, encoding: .utf8)
  }

  /// The recipe and its configuration, with changes; `output` is where it writes.
  func recipe(
    _ overrides: [String] = [], recipe: String = "qat_distributed", output: String = "out"
  ) -> [String] {
    [recipe, "--config", folder + "/train.yaml", "output_dir=\(folder)/\(output)"]
      + overrides
  }

  func losses(_ output: String = "out") throws -> [Double] {
    let log = try String(contentsOfFile: "\(folder)/\(output)/logs/log.txt", encoding: .utf8)
    return try log.split(separator: "\n").map { line in
      let loss = try #require(line.split(separator: " ").first { $0.hasPrefix("loss:") })
      return try #require(Double(loss.dropFirst(5)))
    }
  }
  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/" + name)
  }
  func weights(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)/model.safetensors"))
  }
}

/// A port of loopback that nobody listens on now.
func freePort() throws -> Int {
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  try #require(socket >= 0)
  defer { close(socket) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let port: Int? = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
      guard bind(socket, raw, length) == 0, getsockname(socket, raw, &length) == 0 else {
        return nil
      }
      return Int(
        UInt16(
          bigEndian: raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            $0.pointee.sin_port
          }))
    }
  }
  return try #require(port)
}
