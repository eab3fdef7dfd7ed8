// The tokenizer's speed on text found on this machine: encoding with an empty and with a filled cache
// of pieces, and tiktoken with the same vocabulary where Python has it. The vocabulary is learned here
// first, from the same text.
import Essentials
import Foundation
import Tokenizers

func measureTokenizer(_ peer: AskedProcess?) throws {
  let texts = LocalText.texts()
  let bytes = texts.reduce(0) { $0 + $1.utf8.count }
  guard bytes > 300_000 else {
    return StandardStreams.output("\nTokenizer: no text was found below \(LocalText.root).\n")
  }
  let folder = temporaryPath("tokenizer")
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let started = Clock.now
  try BytePairTrainer(vocabularySize: 4096).train(on: texts).write(toFolder: folder)
  let training = Clock.now - started

  let model = folder + "/tokenizer.model"
  let filled = try Llama3Tokenizer(path: model)
  func encode(_ tokenizer: Llama3Tokenizer) throws {
    for text in texts { _ = try tokenizer.encode(text, addBOS: false, addEOS: false) }
  }
  var names = ["swift-tune, empty cache", "swift-tune, filled cache"]
  var contenders = [
    Contender { try encode(Llama3Tokenizer(path: model)) }, Contender { try encode(filled) },
  ]
  let corpus = folder + "/text.json"
  try AtomicFile.write(Data(JSON.array(texts.map(JSON.string)).text().utf8), to: corpus)
  if let peer {
    let answer = try peer.ask("tokenizer \(model) \(corpus)")
    if answer == "ready" {
      names.append("tiktoken")
      contenders.append(Contender(measuredBy: { try peer.number("encode") }))
    } else {
      StandardStreams.output("\nTokenizer: \(answer).\n")
    }
  }
  let timings = try inTurns(contenders, budget: 6, rounds: 3...15)
  let size = Double(bytes) / 1e6
  var table = Table(
    "Tokenizer on \(size.digits(1)) MB in \(texts.count) files, vocabulary of 4096 "
      + "(learned in \(training.digits(1)) s)", ["encoding", "MB/s", "spread"])
  for (name, timing) in zip(names, timings) {
    table.add(name, (size / timing.median).digits(2), timing.spreadPercent)
  }
  table.print()
}

private enum LocalText {
  static let root = "/usr/share"
  private static let mostBytes = 3_000_000

  /// Readable text of licences, documentation and Perl and Python modules.
  static func texts() -> [String] {
    var texts: [String] = []
    var bytes = 0
    for name in ["common-licenses", "doc", "perl", "python3"] {
      let folder = root + "/" + name
      guard let walk = FileManager.default.enumerator(atPath: folder) else { continue }
      for case let path as String in walk where bytes < mostBytes {
        let path = folder + "/" + path
        guard let data = FileManager.default.contents(atPath: path), data.count > 500,
          data.count < 400_000, !data.contains(0), let text = String(data: data, encoding: .utf8)
        else { continue }
        texts.append(text)
        bytes += data.count
      }
    }
    return texts
  }
}
