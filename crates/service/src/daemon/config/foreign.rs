//! Keys of slurm.conf and slurmdbd.conf (22.05 to 25.11) that have no meaning here.

const SCHEDULER: &str = "the scheduler has nothing like it yet";
const NODES: &str = "it is about compute nodes and the jobs on them";
const DATABASE: &str = "the store is a file of the service's own (StoreLocation)";
const IDENTITY: &str = "callers are known by the kernel's word or by their host's certificate";
const NETWORK: &str = "clients come by ListenSocket or through `enlist node`";
const PROCESS: &str = "systemd does this";
const LOGGING: &str = "the log is said by LogFile, LogFormat and DebugLevel";
const PLUGINS: &str = "nothing is loaded from plugins";
const OTHER: &str = "there is nothing like it";

/// Why, and which.
pub const GROUPS: &[(&str, &str)] = &[
    (
        SCHEDULER,
        "BurstBufferParameters BurstBufferType CompleteWait DefCPUPerGPU  DefMemPerGPU \
          DependencyParameters  DownNodes Epilog EpilogSlurmctld EpilogTimeout \
         FastSchedule FederationParameters FrontendName  GroupUpdateForce GroupUpdateTime InactiveLimit \
         JobSubmitPlugins LicenseParameters  MCSParameters MCSPlugin MaxDBDMsgs \
          MaxMemPerCPU MaxMemPerNode MaxNodeCount MaxStepCount MaxTasksPerNode  NodeFeaturesPlugins \
           OverTimeLimit PowerAction PowerParameters PowerPlugin PreemptExemptTime PreemptMode \
         PreemptParameters PreemptType PriorityParameters PrioritySiteFactorParameters PrioritySiteFactorPlugin Prolog \
         PrologEpilogTimeout PrologFlags PrologSlurmctld PrologTimeout RebootProgram ReconfigFlags RequeueExit \
         RequeueExitHold ResumeFailProgram ResumeProgram ResumeRate ResumeTimeout ResvEpilog ResvOverRun ResvProlog \
         ReturnToService SchedulerParameters SchedulerTimeSlice SchedulerType ScronParameters SelectType \
          SlurmSchedLogFile SlurmSchedLogLevel StateSaveLocation SuspendExcNodes SuspendExcParts \
         SuspendExcStates SuspendProgram SuspendRate SuspendTime SuspendTimeout SwitchParameters SwitchType TopologyParam \
         TopologyPlugin",
    ),
    (
        NODES,
        "AcctGatherEnergyType AcctGatherFilesystemType AcctGatherInfinibandType AcctGatherInterconnectType \
         AcctGatherNodeFreq AcctGatherProfileType AllowSpecResourcesUsage BatchStartTimeout BcastExclude BcastParameters \
         CoreSpecPlugin CpuFreqDef CpuFreqGovernors DefRuntimePlugin EioTimeout EpilogMsgTime ExtSensorsFreq ExtSensorsType \
         GetEnvTimeout GpuFreqDef HealthCheckInterval HealthCheckNodeState HealthCheckProgram HealthCheckTimeout \
         InteractiveStepOptions JobAcctGatherFrequency JobAcctGatherParams JobAcctGatherType JobFileAppend \
         KillOnBadExit LaunchType MpiDefault MpiParams NamespaceType ProctrackType \
         PropagatePrioProcess PropagateResourceLimits PropagateResourceLimitsExcept SallocDefaultCommand SbcastParameters \
         SlurmdDebug SlurmdHttpAuthParameters SlurmdLogFile SlurmdParameters SlurmdPidFile SlurmdPort \
         SlurmdSyslogDebug  SlurmdUser SlurmstepdParameters SrunEpilog SrunPortRange SrunProlog TaskEpilog \
         TaskPlugin TaskPluginParam TaskProlog TmpFS TreeWidth UnkillableStepProgram UnkillableStepTimeout UsePAM \
         VSizeFactor WaitTime X11Parameters",
    ),
    (
        DATABASE,
        "AccountingStorageBackupHost AccountingStorageExternalHost AccountingStorageLoc \
         AccountingStorageParameters AccountingStoragePass AccountingStorageType \
         AccountingStorageUser CommitDelay StorageBackupHost StorageHost StorageLoc StorageParameters StoragePass \
         StoragePassScript StoragePort StorageType StorageUser",
    ),
    (
        IDENTITY,
        "AuthAltParameters AuthAltTypes AuthInfo AuthType CertgenParameters CertgenType CertmgrParameters CertmgrType \
         CredType CryptoType HashPlugin JobCredentialPrivateKey JobCredentialPublicCertificate SchedulerAuth \
         SlurmctldHttpAuthParameters SlurmrestdHttpAuthParameters TLSParameters TLSType",
    ),
    (
        NETWORK,
        "BackupAddr BackupController CommunicationParameters ControlAddr ControlMachine DbdAddr DbdBackupHost DbdHost \
         DbdPort KeepAliveTime RoutePlugin SlurmctldAddr SlurmctldHost SlurmctldParameters SlurmctldPlugstack SlurmctldPort \
         SlurmctldPrimaryOffProg SlurmctldPrimaryOnProg SlurmctldTimeout SlurmrestdParameters TCPTimeout \
         TrackSlurmctldDown",
    ),
    (PROCESS, "PidFile SlurmctldPidFile"),
    (
        LOGGING,
        "DebugFlags DebugLevelSyslog LogTimeFormat MetricsAuthUsers MetricsParameters MetricsType SlurmctldDebug \
         SlurmctldLogFile SlurmctldSyslogDebug",
    ),
    (
        PLUGINS,
        "CliFilterParameters CliFilterPlugins DataParserParameters HttpParserType PlugStackConfig PluginDir PrEpParameters \
         PrEpPlugins SerializerParameters SerializerPlugins UrlParserType",
    ),
    (
        OTHER,
        "AccountingStoreFlags AccountingStoreJobComment AllResourcesAbsolute AllowNoDefAcct ArchiveJobEnv \
         ArchiveJobScript ArchiveScript DisableArchiveCommands DisableRollups JobCompHost JobCompLoc JobCompParams \
         JobCompPass JobCompPassScript JobCompPort JobCompType JobCompUser JobPurge MailDomain MailProg MaxPurgeLimit \
         PurgeEventMonths PurgeJobEnvAfter PurgeJobMonths PurgeJobScriptAfter PurgeStepMonths PurgeSuspendMonths \
         PurgeTXNMonths PurgeUsageMonths StepPurge",
    ),
];

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(_, names)| names.split_whitespace())
}

/// Why a key of Slurm does nothing here; `None` when it is no such key.
pub fn reason(name: &str) -> Option<&'static str> {
    let is = |names: &str| names.split_whitespace().any(|known| known.eq_ignore_ascii_case(name));
    GROUPS.iter().find(|(_, names)| is(names)).map(|(why, _)| *why)
}
