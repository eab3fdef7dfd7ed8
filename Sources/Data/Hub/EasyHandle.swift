// libcurl's own record of one request, with the memory that it points to. It reads no environment and no
// configuration file, follows no redirect and keeps no cookies.
import CCurl
import Essentials
import Foundation

final class EasyHandle {
  let raw: UnsafeMutableRawPointer
  private let lines: UnsafeMutablePointer<curl_slist>?
  private let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

  /// - Throws: `TuneError` `.network` where libcurl cannot begin.
  init(_ transfer: Transfer) throws {
    guard let raw = curl_easy_init() else { throw TuneError.libcurlFailure }
    self.raw = raw
    let request = transfer.request
    lines = request.headers.fields.reduce(nil) { curl_slist_append($0, "\($1.name): \($1.value)") }
    buffer[0] = 0
    set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(buffer))
    set(CURLOPT_URL, request.url.absoluteString)
    set(CURLOPT_HTTPHEADER, lines.map(UnsafeMutableRawPointer.init))
    set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    for option in [
      CURLOPT_NOSIGNAL, CURLOPT_SUPPRESS_CONNECT_HEADERS, CURLOPT_PATH_AS_IS, CURLOPT_TCP_NODELAY,
    ] { set(option, 1) }
    set(CURLOPT_CONNECTTIMEOUT, Transfer.connectTimeout)
    if let file = request.certificates ?? Certificates.ofSystem { set(CURLOPT_CAINFO, file) }
    setProxy(request.proxy)
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    set(CURLOPT_HEADERDATA, context)
    set(CURLOPT_WRITEDATA, context)
    tune_curl_set_callback(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
      Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
        .receive(line: String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines))
      return size * count
    }
    tune_curl_set_callback(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      let transfer = Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
      let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return transfer.receive(piece: piece) ? size * count : 0
    }
  }

  deinit {
    curl_easy_cleanup(raw)
    curl_slist_free_all(lines)
    buffer.deallocate()
  }

  /// What libcurl says of a failure.
  var message: String { String(cString: buffer) }

  private func setProxy(_ proxy: ProxySettings.Proxy?) {
    // Empty texts keep libcurl from reading the environment, which ProxySettings has read.
    set(CURLOPT_NOPROXY, "")
    guard let proxy else { return set(CURLOPT_PROXY, "") }
    set(CURLOPT_PROXY, "\(proxy.host):\(proxy.port)")
    // A proxy that only passes bytes on sees no token, also where the hub itself has no TLS.
    set(CURLOPT_HTTPPROXYTUNNEL, 1)
    set(
      CURLOPT_PROXYTYPE,
      Int((proxy.kind == .socks ? CURLPROXY_SOCKS5_HOSTNAME : CURLPROXY_HTTP).rawValue))
    if let user = proxy.user { set(CURLOPT_PROXYUSERNAME, user) }
    if let password = proxy.password { set(CURLOPT_PROXYPASSWORD, password) }
  }
  private func set(_ option: CURLoption, _ number: Int) {
    tune_curl_set_number(raw, option, number)
  }
  private func set(_ option: CURLoption, _ text: String) { tune_curl_set_text(raw, option, text) }
  private func set(_ option: CURLoption, _ pointer: UnsafeMutableRawPointer?) {
    tune_curl_set_pointer(raw, option, pointer)
  }
}

/// Where distributions keep the certificates that they trust: a libcurl built for another one than this
/// looks in the wrong place.
enum Certificates {
  static let ofSystem: String? = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
  ].first { FileManager.default.isReadableFile(atPath: $0) }
}
