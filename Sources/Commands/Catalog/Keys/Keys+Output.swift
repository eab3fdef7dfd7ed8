// What checkpointers, metric loggers and the profiler are asked for.
import Configuration

extension Keys {
  package enum Checkpointer {
    package static let folder = Key.required(
      "checkpoint_dir", .path, "The folder to read from")
    package static let files = Key.nullable(
      "checkpoint_files",
      .either(
        KeyType.list(.string).read { Files.named($0) },
        KeyType.map {
          FileNames.format
          FileNames.count
        }.read { Files.numbered($0) }),
      "The files of the weights: a list, or filename_format and max_filename; null finds them")
    package static let modelType = Key.nullable(
      "model_type", .choice(["LLAMA2", "LLAMA3", "LLAMA3_2", "QWEN2", "QWEN3"]),
      "The model family of the checkpoint; null takes the model's")
    package static let outputFolder = Key.required(
      "output_dir", .path, "The folder to write to")
    package static let savedRun = Key.nullable(
      "recipe_checkpoint", .path,
      "The recipe state to resume from; null uses the newest undamaged one in output_dir")
    package static let keptCount = Key.nullable(
      "keep_last_n_checkpoints", .count,
      "Keep so many of the run's saves, each with its recipe state, and remove older ones; null keeps "
        + "all models and the last recipe state")
    package static let writesSafetensors = Key.optional(
      "safe_serialization", .bool, default: true,
      "Write safetensors instead of torch files")

    package enum Files: Sendable {
      case named([String])
      case numbered(Section)
    }
    /// `model-{}-of-{}.safetensors` and `00004`.
    enum FileNames {
      static let format = Key.required(
        "filename_format", .string, "The name with two {}: the number and the count")
      static let count = Key.required(
        "max_filename", .string, "The count, with the leading zeros that the names have")
    }
  }

  /// On the command line the values of these are text: leading zeros are the width of the numbers in the
  /// names of files.
  package static let readAsText: Set<String> = [Checkpointer.FileNames.count.name]

  package enum DiskLogger {
    package static let folder = Key.required("log_dir", .path, "The log folder")
    package static let filename = Key.nullable(
      "filename", .string, "The name of the log file; null derives it from the time")
  }

  /// What is not given is not asked for; where the reference turns a setting on by itself, it is null
  /// here, so that only a written True is refused.
  package enum Profiler {
    package static let isEnabled = Key.optional(
      "enabled", .bool, default: false, "Trace steps")
    package static let folder = Key.nullable(
      "output_dir", .path, "The folder of the traces; null means profiler_output")
    package static let waitSteps = Key.nullable(
      "wait_steps", .countOrNone, "Steps to wait before each cycle; null means 5")
    package static let warmupSteps = Key.nullable(
      "warmup_steps", .countOrNone, "Warm-up steps of a cycle; null means 5")
    package static let activeSteps = Key.nullable(
      "active_steps", .count, "Traced steps of a cycle; null means 2")
    package static let cycles = Key.nullable(
      "num_cycles", .countOrNone,
      "Number of cycles; 0 repeats until the run ends, null means 1")
    package static let cpu = Key.optional(
      "cpu", .bool, default: true, "Spans of this process, always traced")
    package static let profilesMemory = Key.optional(
      "profile_memory", .bool, default: false, "Refused when traced")
    package static let withStack = Key.optional(
      "with_stack", .bool, default: false, "Refused when traced")
    package static let withFLOPs = Key.optional(
      "with_flops", .bool, default: false, "Refused when traced")
    package static let cuda = Key.nullable(
      "cuda", .bool,
      "Nothing to trace without such a device; refused at True when traced on one")
    package static let xpu = Key.nullable("xpu", .bool, "Refused at True when traced")
    package static let recordsShapes = Key.nullable(
      "record_shapes", .bool,
      "Whether spans of embedding, blocks and head hold the shape of their input; null is True")
  }
}
