// What libtorch refuses ends a program with an error, and not with a trap.
import Essentials
import Foundation
import Tensors
import Testing

@Suite struct TorchFailureTests {
  private func ending(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test func wantOfMemoryIsAnError() async {
    let result = await #expect(processExitsWith: .exitCode(3), observing: [\.standardErrorContent])
    {
      TorchFailure.whenItHappens { error in
        StandardStreams.error("\(error.code.rawValue): \(error)")
        _exit(3)
      }
      _ = Tensor.empty([1 << 45])
    }
    let text = ending(result)
    #expect(
      text.hasPrefix("memory: out of memory: ") && text.contains("the process holds"), "\(text)")
    #expect(text.contains("\(1 << 47) bytes") && !text.contains("frame #"), "\(text)")
  }

  @Test func otherFailuresAreErrorsToo() async {
    let result = await #expect(processExitsWith: .exitCode(3), observing: [\.standardErrorContent])
    {
      TorchFailure.whenItHappens { error in
        StandardStreams.error("\(error.code.rawValue): \(error)")
        _exit(3)
      }
      _ = Tensor.ones([3, 2]).matmul(Tensor.ones([3, 2]))
    }
    let text = ending(result)
    #expect(text.hasPrefix("device: libtorch failed: ") && text.contains(".swift:"), "\(text)")
  }
}
