// What errors of a room tell a caller to change. Rooms know no configuration, so they name what they were
// given in words of their own: "`maxSeqLen` must be at least 1". A program that has other names for it, keys
// say, puts them there. `scripts/check` finds keys that are named otherwise.

/// What a caller gives to a room.
package enum Setting: String, CaseIterable, Sendable, CustomStringConvertible {
  // Tokenizers and templates.
  case tokenizer, maxSeqLen, mergesPath, promptTemplate
  case vocabularyPath
  case llama2Tokenizer = "Llama2Tokenizer"
  case llama3Tokenizer = "Llama3Tokenizer"
  case qwenTokenizer = "QwenTokenizer"
  case checkpointTokenizer

  // Data.
  case dataset, validation, source, name, dataFiles, split, isStreamed, shuffleBufferSize, delimiter
  case field, sampleBy, keepLinebreaks
  case weights, conversationStyle, column, columnMap, conversationColumn, trainOnInput,
    newSystemPrompt, packed, splitAcrossPack
  case batchSize, accumulation

  // Models.
  case modelFolder, weightFiles, outputFolder, recipeState, resumes
  case learningRate, clipNorm, dtype, device, groupSize, quantization, scheme, exclude

  // Evaluation and generation.
  case textFiles, windowLength, userPrompt

  /// In backquotes, which is how a program finds it in a message.
  package var description: String { "`" + rawValue + "`" }
}

extension TuneError.Location {
  /// What a caller gave.
  package init(file: String? = nil, _ setting: Setting) {
    self.init(file: file, key: setting.rawValue)
  }
}

extension TuneError {
  /// The error in the words of a program that has other names for what rooms are given.
  package func naming(_ name: (Setting) -> String) -> TuneError {
    var error = self
    for setting in Setting.allCases {
      error.message = error.message.replacing(setting.description, with: name(setting))
      error.remedy = error.remedy?.replacing(setting.description, with: name(setting))
    }
    if let setting = location.key.flatMap(Setting.init(rawValue:)) {
      error.location.key = name(setting)
    }
    return error
  }
}
