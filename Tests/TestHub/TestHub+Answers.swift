// The right answers: revisions, trees in pages, files with ranges, redirects to the content network,
// refusals with the Hub's own headers, and Kaggle's model addresses.
import Essentials
import Foundation

struct HubAnswer {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]
  init(_ status: Int, _ body: [UInt8] = [], headers: [String: String] = [:]) {
    self.status = status
    self.headers = headers
    self.body = body
  }
  init(json: JSON, headers: [String: String] = [:]) {
    self.init(
      200, Array(json.text().utf8),
      headers: headers.merging(["Content-Type": "application/json"]) { $1 })
  }
  static func refusal(_ status: Int, _ code: String, _ message: String) -> HubAnswer {
    HubAnswer(
      status, Array(#"{"error":"\#(message)"}"#.utf8),
      headers: ["X-Error-Code": code, "X-Error-Message": message])
  }
}

extension TestHub {
  func answer(_ request: HubRequest) -> HubAnswer {
    let parts = request.path.split(separator: "/").map { String($0).removingPercentEncoding ?? "" }
    if request.isContent { return content(parts, request) }
    if parts.starts(with: ["api", "v1", "models"]) {
      return kaggle(Array(parts.dropFirst(3)), request)
    }
    let isAPI = parts.first == "api"
    let rest = Array(isAPI ? parts.dropFirst() : parts[...])
    let isDataset = rest.first == "datasets"
    let path = Array(isAPI || isDataset ? rest.dropFirst() : rest[...])
    let verb = path.firstIndex { ["revision", "tree", "resolve"].contains($0) } ?? path.endIndex
    let id = path[..<verb].joined(separator: "/")
    guard
      let repository = repositories.first(where: { $0.id == id && $0.isDataset == isDataset }),
      repository.access != .hidden || request.headers["authorization"] == "Bearer \(Self.token)"
    else { return .refusal(401, "RepoNotFound", "Repository not found") }
    let revision = verb + 1 < path.count ? path[verb + 1] : "main"
    guard
      let commit = repository.revisions[revision]
        ?? (repository.revisions.values.contains(revision) ? revision : nil)
    else { return .refusal(404, "RevisionNotFound", "Invalid rev id: \(revision)") }
    switch verb < path.endIndex ? path[verb] : "revision" {
    case "tree": return tree(repository, request)
    case "resolve":
      let name = path[(verb + 2)...].joined(separator: "/")
      return file(name, repository, commit, request)
    default: return information(repository, commit)
    }
  }

  private func information(_ repository: HubRepository, _ commit: String) -> HubAnswer {
    HubAnswer(json: [
      "_id": "621ffdc036468d709f174338", "id": .string(repository.id), "sha": .string(commit),
      "lastModified": "2024-02-19T10:57:45.000Z", "private": false, "disabled": false,
      "gated": repository.access == .gated ? "manual" : false, "tags": [], "downloads": 1,
      "likes": 1,
      "siblings": .array(repository.files.keys.sorted().map { ["rfilename": .string($0)] }),
    ])
  }

  private func tree(_ repository: HubRepository, _ request: HubRequest) -> HubAnswer {
    var entries: [JSON] = []
    var folders: Set<String> = []
    for (path, file) in repository.files.sorted(by: { $0.key < $1.key }) {
      let folder = path.parentFolder
      if !folder.isEmpty, folders.insert(folder).inserted {
        entries.append([
          "type": "directory", "oid": .string(file.blob), "size": 0, "path": .string(folder),
        ])
      }
      var entry: JSONObject = [
        "type": "file", "oid": .string(file.isLarge ? file.pointerBlob : file.blob),
        "size": .integer(file.bytes.count), "path": .string(path),
      ]
      if file.isLarge {
        entry["lfs"] = [
          "oid": .string(file.sha256), "size": .integer(file.bytes.count), "pointerSize": 134,
        ]
        entry["xetHash"] = .string(file.sha256)
      }
      entries.append(.object(entry))
    }
    let start =
      request.query.split(separator: "&").first { $0.hasPrefix("cursor=") }
      .flatMap { Int($0.dropFirst("cursor=".count)) } ?? 0
    let end = min(entries.count, start + pageSize)
    var headers: [String: String] = [:]
    if end < entries.count {
      headers["Link"] =
        "<\(endpoint)\(request.path)?recursive=true&expand=false&cursor=\(end)>; rel=\"next\""
    }
    return HubAnswer(json: .array(Array(entries[min(start, end)..<end])), headers: headers)
  }

  private func file(
    _ name: String, _ repository: HubRepository, _ commit: String, _ request: HubRequest
  ) -> HubAnswer {
    guard let file = repository.files[name] else {
      return .refusal(404, "EntryNotFound", "Entry not found")
    }
    if repository.access == .gated, request.headers["authorization"] != "Bearer \(Self.token)" {
      return .refusal(
        request.headers["authorization"] == nil ? 401 : 403, "GatedRepo",
        "Access to model \(repository.id) is restricted.")
    }
    var answer: HubAnswer
    if file.isLarge {
      answer = HubAnswer(302)
      answer.headers = [
        "Location": "\(content)/file/\(file.sha256)?X-Signature=secret",
        "X-Linked-Etag": "\"\(file.sha256)\"", "X-Linked-Size": String(file.bytes.count),
        "X-Xet-Hash": file.sha256,
        "Link": "<\(endpoint)/api/xet-read-token>; rel=\"xet-auth\"",
      ]
    } else {
      answer = ranged(file, etag: file.blob, request)
    }
    answer.headers["X-Repo-Commit"] = commit
    return answer
  }

  /// The content network, which refuses a token as storage with signed addresses does.
  private func content(_ parts: [String], _ request: HubRequest) -> HubAnswer {
    if request.headers["authorization"] != nil { return HubAnswer(400) }
    guard request.query == "X-Signature=secret" else { return HubAnswer(403) }
    let hash = parts.dropFirst().joined(separator: "/")
    let all = repositories.flatMap(\.files.values) + archives.values
    guard let file = all.first(where: { $0.sha256 == hash }) else { return HubAnswer(404) }
    var answer = ranged(file, etag: String(file.sha256.prefix(32)), request)
    if archives.values.contains(where: { $0.sha256 == hash }) {
      answer.headers["x-goog-hash"] = "crc32c=AAAAAA==,md5=\(file.md5)"
    }
    return answer
  }

  private func ranged(_ file: HubFile, etag: String, _ request: HubRequest) -> HubAnswer {
    let (bytes, size) = (file.bytes, file.bytes.count)
    let headers = ["ETag": "\"\(etag)\"", "Accept-Ranges": "bytes"]
    guard let range = request.headers["range"], range.hasPrefix("bytes="),
      request.headers["if-range"] ?? "\"\(etag)\"" == "\"\(etag)\""
    else { return HubAnswer(200, bytes, headers: headers) }
    let ends = range.dropFirst("bytes=".count).split(separator: "-")
    guard let start = ends.first.flatMap({ Int($0) }), start < size else {
      return HubAnswer(416, headers: ["Content-Range": "bytes */\(size)"])
    }
    let last = min(size - 1, ends.count > 1 ? Int(ends[1]) ?? size - 1 : size - 1)
    guard last >= start else { return HubAnswer(416) }
    return HubAnswer(
      206, Array(bytes[start...last]),
      headers: headers.merging(["Content-Range": "bytes \(start)-\(last)/\(size)"]) { $1 })
  }

  /// `owner/model/framework/variation/get` and `.../version/download`.
  private func kaggle(_ parts: [String], _ request: HubRequest) -> HubAnswer {
    let handle = parts.dropLast().joined(separator: "/")
    let versions = archives.keys.filter { $0 == handle || $0.hasPrefix(handle + "/") }.sorted()
    guard let found = versions.last, let archive = archives[found] else { return HubAnswer(404) }
    let basic = "Basic " + Data("someone:\(Self.token)".utf8).base64EncodedString()
    if found.hasPrefix("gated/"), request.headers["authorization"] != basic {
      return HubAnswer(request.headers["authorization"] == nil ? 401 : 403)
    }
    if parts.last == "get" {
      let version = found.split(separator: "/").last.flatMap { Int($0) } ?? 1
      return HubAnswer(json: ["versionNumber": .integer(version), "id": 7])
    }
    return HubAnswer(
      302, headers: ["Location": "\(content)/file/\(archive.sha256)?X-Signature=secret"])
  }
}
