// What errors of a room say a caller should change. Rooms know no configuration, so they name what they were
// given by its label, as a caller in Swift does: "`maxSeqLen` must be at least 1". A program that has names of
// its own for these values puts them in their place.

/// What a caller gives to a room, by its label.
package enum Argument: String, CaseIterable, Sendable, CustomStringConvertible {
  // Tokenizers and templates.
  case tokenizer, maxSeqLen, mergesPath, promptTemplate
  case vocabularyPath
  case llama2Tokenizer = "Llama2Tokenizer"
  case llama3Tokenizer = "Llama3Tokenizer"
  case qwenTokenizer = "QwenTokenizer"

  // Data.
  case dataset, validation, source, name, dataFiles, split, isStreamed, shuffleBufferSize, delimiter
  case field, sampleBy, keepLinebreaks
  case weights, conversationStyle, column, columnMap, conversationColumn, trainOnInput,
    newSystemPrompt, packed, splitAcrossPack
  case batchSize, accumulation

  // Models.
  case modelFolder, weightFiles, outputFolder, recipeState, resumes
  case learningRate, clipNorm, dtype, device, groupSize, quantization

  // Evaluation and generation.
  case textFiles, windowLength, userPrompt

  /// In backquotes, which is how a program finds it in a message.
  package var description: String { "`" + rawValue + "`" }
}

extension TuneError.Location {
  /// What a caller gave.
  package init(file: String? = nil, _ argument: Argument) {
    self.init(file: file, key: argument.rawValue)
  }
}

extension TuneError {
  /// The error in the words of a program that has other names for what rooms are given.
  package func naming(_ name: (Argument) -> String) -> TuneError {
    var error = self
    for argument in Argument.allCases {
      error.message = error.message.replacing(argument.description, with: name(argument))
      error.remedy = error.remedy?.replacing(argument.description, with: name(argument))
    }
    if let argument = location.key.flatMap(Argument.init(rawValue:)) {
      error.location.key = name(argument)
    }
    return error
  }
}
