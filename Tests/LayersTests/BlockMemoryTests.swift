// The arena of large CPU tensors: blocks do not overlap, whoever takes them, and at most a sixteenth more
// is held than was in use at once. Other tests use it at the same time: only what holds always is
// expected.
import Dispatch
import Essentials
import Tensors
import Testing

@Suite struct BlockMemoryTests {
  init() { Devices.configureProcess() }

  @Test func blocksDoNotOverlapAndLittleMoreIsHeldThanWasUsed() {
    DispatchQueue.concurrentPerform(iterations: 3) { thread in
      var random = MersenneTwister(seed: UInt64(thread))
      var held: [(tensor: Tensor, mark: Double)] = []
      for step in 0..<600 {
        if held.count == 12 || (!held.isEmpty && random.next32() % 3 == 0) {
          let (tensor, mark) = held.remove(at: Int(random.next32()) % held.count)
          #expect(tensor.amax(along: 0).item == mark && tensor.amin(along: 0).item == mark)
        } else {
          // 64 KiB to 2 MiB: from glibc and from the arena, in and out of step with its pages.
          let count = (16 << 10) + Int(random.next32()) % (512 << 10)
          let mark = Double(thread * 1000 + step)
          held.append((.full([count], mark), mark))
        }
        let memory = Devices.blockMemory
        #expect(memory.inUse + memory.idle <= memory.mostInUse * 17 / 16)
      }
      for (tensor, mark) in held {
        #expect(tensor.amax(along: 0).item == mark && tensor.amin(along: 0).item == mark)
      }
    }
  }

  @Test func bytesInUseAreCounted() {
    let bytes = 1 << 29  // never written to, so never resident
    let tensor = Tensor.empty([bytes], .uint8)
    let memory = Devices.blockMemory
    #expect(memory.inUse >= bytes && memory.mostInUse >= bytes)
    #expect(tensor.count == bytes)
    Devices.returnFreedMemory()
    #expect(Devices.blockMemory.inUse >= bytes)
    withExtendedLifetime(tensor) {}
  }

  @Test func aStorageIsRemadeByTheSameMemory() {
    let tensor = Tensor.full([1 << 18], 3)
    tensor.resizeStorage(bytes: 0)
    #expect(tensor.storageByteCount == 0)
    tensor.resizeStorage(bytes: 1 << 20)
    tensor.fill(4)
    #expect(tensor.sum().item == 4 * Double(1 << 18))
  }
}
