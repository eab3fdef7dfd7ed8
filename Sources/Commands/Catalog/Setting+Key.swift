// The keys of the values that the rooms below name in their errors.
import Configuration
import Essentials

extension TuneError {
  /// The error in the words of a configuration: with its keys, and the names of its components.
  package func namingKeys() -> TuneError { naming(\.key) }
}

extension Setting {
  /// Dotted, but for the arguments of a dataset: there may be several, in lists.
  package var key: String {
    switch self {
    case .tokenizer: Keys.tokenizer.name
    case .maxSeqLen: of(Keys.tokenizer, Keys.Tokenizer.longestSequence)
    case .mergesPath: of(Keys.tokenizer, Keys.Tokenizer.merges)
    case .vocabularyPath: of(Keys.tokenizer, Keys.Tokenizer.path)
    case .promptTemplate: of(Keys.tokenizer, Keys.Tokenizer.template)
    case .llama2Tokenizer: TokenizerChoice.llama2.rawValue
    case .llama3Tokenizer: TokenizerChoice.llama3.rawValue
    case .qwenTokenizer: TokenizerChoice.qwen2.rawValue
    case .checkpointTokenizer: TokenizerChoice.checkpoint.rawValue
    case .dataset: Keys.dataset.name
    case .validation: Keys.validationDataset.name
    case .batchSize: Keys.batchSize.name
    case .accumulation: Keys.accumulation.name
    case .modelFolder: of(Keys.checkpointer, Keys.Checkpointer.folder)
    case .weightFiles: of(Keys.checkpointer, Keys.Checkpointer.files)
    case .recipeState: of(Keys.checkpointer, Keys.Checkpointer.savedRun)
    case .outputFolder: Keys.outputFolder.name
    case .resumes: Keys.resumes.name
    case .learningRate: of(Keys.optimizer, Keys.Optimizer.learningRate)
    case .clipNorm: Keys.clipNorm.name
    case .dtype: Keys.dtype.name
    case .device: Keys.device.name
    case .groupSize: of(Keys.quantizer, Keys.Quantizer.groupSize)
    case .quantization: Keys.quantizer.name
    case .textFiles: Keys.textFiles.name
    case .windowLength: Keys.windowLength.name
    case .userPrompt: of(Keys.prompt, Keys.Prompt.user)
    case .source: Keys.Dataset.source.name
    case .name: Keys.Dataset.configurationName.name
    case .dataFiles: Keys.Dataset.files.name
    case .split: Keys.Dataset.split.name
    case .isStreamed: Keys.Dataset.streams.name
    case .shuffleBufferSize: Keys.Dataset.shuffleBufferSize.name
    case .delimiter: Keys.Dataset.delimiter.name
    case .field: Keys.Dataset.field.name
    case .sampleBy: Keys.Dataset.sampledBy.name
    case .keepLinebreaks: Keys.Dataset.keepsLineBreaks.name
    case .weights: Keys.Dataset.weight.name
    case .conversationStyle: Keys.Dataset.conversationStyle.name
    case .conversationColumn: Keys.Dataset.conversationColumn.name
    case .column: Keys.Dataset.column.name
    case .columnMap: Keys.Dataset.columns.name
    case .trainOnInput: Keys.Dataset.trainsOnInput.name
    case .newSystemPrompt: Keys.Dataset.systemPrompt.name
    case .packed: Keys.Dataset.packed.name
    case .splitAcrossPack: Keys.Dataset.splitsAcrossPacks.name
    }
  }

  private func of<Component, Value>(_ component: Key<Component>, _ key: Key<Value>) -> String {
    component.name + "." + key.name
  }
}
