// torchrun's options under both of their spellings, `--nproc-per-node` and `--nproc_per_node`.
import ArgumentParser
import Launching

struct TorchrunArguments: ParsableArguments {
  @Option(
    name: [.customLong("nnodes")],
    help: ArgumentHelp(
      "The number of machines, or the least and the most, min:max: the run goes on with fewer when a "
        + "machine is lost, and with more when one joins.", valueName: "n"))
  var nodes: String?

  @Option(
    name: [.customLong("nproc_per_node"), .customLong("nproc-per-node")],
    help: ArgumentHelp(
      "The number of workers on this machine: a number, auto, cpu or gpu.", valueName: "n"))
  var processesPerNode: String?

  @Option(
    name: [.customLong("node_rank"), .customLong("node-rank")],
    help: ArgumentHelp(
      "The rank of this machine, from 0; without it, the machines are ranked as they join.",
      valueName: "rank"))
  var nodeRank: Int?

  @Option(
    name: [.customLong("rdzv_endpoint"), .customLong("rdzv-endpoint")],
    help: ArgumentHelp(
      "The address at which the machines connect: the host of node 0 and a free port.",
      valueName: "host:port"))
  var rendezvousEndpoint: String?

  @Option(
    name: [.customLong("rdzv_backend"), .customLong("rdzv-backend")],
    help: ArgumentHelp("static or c10d; both connect at --rdzv_endpoint.", valueName: "name"))
  var rendezvousBackend: String?

  @Option(
    name: [.customLong("rdzv_conf"), .customLong("rdzv-conf")],
    help: ArgumentHelp(
      "key=value,...: secret_file (the secret of machines that meet beyond loopback, also "
        + "\(SharedSecret.variable)), join_timeout, last_call_timeout, keep_alive_interval, "
        + "keep_alive_max_attempt (seconds; 300, 30, 5, and 3 attempts).", valueName: "conf"))
  var rendezvousConfiguration: String?

  @Option(
    name: [.customLong("rdzv_id"), .customLong("rdzv-id")],
    help: ArgumentHelp("The name of the run and of its log folder.", valueName: "id"))
  var runID: String?

  @Option(
    name: [.customLong("master_addr"), .customLong("master-addr")],
    help: ArgumentHelp("The host, instead of --rdzv_endpoint.", valueName: "host"))
  var masterAddress: String?

  @Option(
    name: [.customLong("master_port"), .customLong("master-port")],
    help: ArgumentHelp("The port, instead of --rdzv_endpoint.", valueName: "port"))
  var masterPort: Int?

  @Flag(name: [.customLong("standalone")], help: "Run on this machine only, on any free port.")
  var isStandalone = false

  @Option(
    name: [.customLong("max_restarts"), .customLong("max-restarts")],
    help: ArgumentHelp(
      "How often the workers are started again after one has failed, from the newest whole save of "
        + "the run; default 0.", valueName: "n"))
  var maxRestarts: Int?

  @Option(
    name: [.customLong("log_dir"), .customLong("log-dir")],
    help: ArgumentHelp("Write each worker's output to this folder.", valueName: "folder"))
  var logFolder: String?

  @Option(
    name: [.customShort("r"), .customLong("redirects")],
    help: ArgumentHelp(
      "Redirect to the log: 1 stdout, 2 stderr, 3 both, or rank:n,...", valueName: "n"))
  var redirects: String?

  @Option(
    name: [.customShort("t"), .customLong("tee")],
    help: ArgumentHelp("Write to log and console; same values as --redirects.", valueName: "n"))
  var tee: String?

  @Option(
    name: [.customLong("timeout")],
    help: ArgumentHelp(
      "Seconds after which a worker that neither computes nor waits for others ends the run; "
        + "default \(WorkerTimeout.standard).", valueName: "s"))
  var timeout: Int?

  var options: LaunchOptions {
    var options = LaunchOptions()
    options.nodes = nodes
    options.processesPerNode = processesPerNode
    options.nodeRank = nodeRank
    options.rendezvousBackend = rendezvousBackend
    options.rendezvousEndpoint = rendezvousEndpoint
    options.rendezvousConfiguration = rendezvousConfiguration
    options.runID = runID
    options.maxRestarts = maxRestarts
    options.masterAddress = masterAddress
    options.masterPort = masterPort
    options.isStandalone = isStandalone
    options.logFolder = logFolder
    options.redirects = redirects
    options.tee = tee
    options.timeout = timeout
    return options
  }
}
