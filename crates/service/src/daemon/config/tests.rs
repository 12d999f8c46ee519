use super::*;
use scheduling::config::PartitionLine;
use scheduling::demand::MemoryDemand;
use slurm::fairshare::Method;
use slurm::settings::{Archive, Private, ResetPeriod};

fn parse(text: &str) -> Result<Config, Diagnostic> {
    Config::parse(&Source::new("c", text))
}

#[test]
fn keys_in_any_case_and_comments() {
    let config = parse("# comment\nclustername=Big\n  AccountingStorageTRES = gres/gpu,license/x # two\n").unwrap();
    assert_eq!(config.cluster_name, "big");
    assert_eq!(config.tres, ["gres/gpu", "license/x"]);
    assert!(config.warnings.is_empty());
}

#[test]
fn errors_point_at_the_line() {
    let shown = |text: &str| parse(text).unwrap_err().to_string();
    assert!(shown("\n  ClusterNam=x").starts_with("unknown key `ClusterNam`\n --> c:2:3"));
    assert!(shown("ClusterNam=x").contains("did you mean `ClusterName`?"));
    assert!(shown("StoreLocation=x").contains("absolute"));
    assert!(shown("AccountingStorageTRES=gpu").contains("no TRES"));
    assert!(shown("what").contains("not Key=Value"));
    assert!(shown("ClusterName=a b").starts_with("this is not Key=Value\n --> c:1:15"));
    assert!(shown("LogFile=\"/x").contains("closing quote"));
    assert!(shown("\nInclude /nowhere/more.conf").contains("cannot read /nowhere/more.conf"));
    assert!(shown("ClusterName=x \\\n  Nonsense=y").starts_with("unknown key `Nonsense`\n --> c:2:3"));
    let several = shown("A=1 ClusterName=x B=2\nPriorityCalcPeriod=x\nwhat");
    for wrong in ["unknown key `A`", "c:1:19: unknown key `B`", "c:2:1: PriorityCalcPeriod", "c:3:1: this is not"] {
        assert!(several.contains(wrong), "{wrong}: {several}");
    }
    assert!(shown("PriorityCalcPeriod=0").contains("1 to 1440"));
    assert!(shown("FirstJobId=0").contains("1 to 67108863"));
    assert!(shown("FirstJobId=5 MaxJobId=5").contains("less than MaxJobId=5"));
    assert!(shown("PurgeJobAfter=1week").contains("30days"));
    assert!(shown("PriorityWeightTRES=cpu").contains("no TRES=WEIGHT"));
    assert!(shown("DebugLevel=loud").contains("quiet"));
}

#[test]
fn what_slurm_takes_is_taken() {
    for (line, warning) in [
        ("PriorityFlags=FAIR_TREE", "c:1:1: PriorityFlags: FAIR_TREE need not be said"),
        ("PriorityFlags=ACCRUE_ALWAYS,FAIR_TREE", "FAIR_TREE need not be said"),
        ("PrivateData=jobs,cloud", "c:1:1: PrivateData: `cloud` is passed over; it is none of accounts, "),
        ("X11Parameters=home_xauthority", "X11Parameters does nothing here"),
        ("EnforcePartLimits=1", ""),
        ("EnforcePartLimits=true", ""),
        ("EnforcePartLimits=0", ""),
        ("PriorityCalcPeriod=00:05", ""),
    ] {
        let config = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(config.warnings.join("\n").contains(warning), "{line}: {:?}", config.warnings);
        assert_eq!(
            config.accounting.enforce_partitions,
            ["=1", "=true"].iter().any(|yes| line.ends_with(yes)),
            "{line}"
        );
    }
    assert_eq!(parse("PriorityCalcPeriod=00:05:00").unwrap().accounting.priority.calc_period.as_secs(), 300);
}

#[test]
fn settings_of_slurm() {
    let config = parse(
        "ClusterName=c SlurmUser=slurm\nPrivateData=accounts,USERS\nAccountingStorageEnforce=safe,wckeys\n\
         TrackWCKey=no\nPriorityDecayHalfLife=14-0\nPriorityFlags=NO_FAIR_TREE,MAX_TRES\nFairShareDampeningFactor=3\n\
         PriorityUsageResetPeriod=monthly\nPriorityWeightTRES=CPU=10,GRES/gpu=-2.5\nPurgeJobAfter=12month\n\
         ArchiveJobs=yes\nMaxQueryTimeRange=60\nDebugLevel=5\n",
    )
    .unwrap();
    let settings = &config.accounting;
    assert_eq!(settings.slurm_user, "slurm");
    assert!(settings.private_data.has(Private::Accounts) && settings.private_data.has(Private::Users));
    assert_eq!(settings.enforce.to_string(), "associations,limits,safe,wckeys");
    assert!(settings.track_wckey, "implied");
    assert_eq!(settings.priority.half_life, Some(Duration::from_secs(14 * 86_400)));
    assert_eq!(settings.priority.method(), Method::Classic { dampening: 3 });
    assert_eq!(settings.priority.reset, ResetPeriod::Monthly);
    assert_eq!(settings.priority.weights.tres, [("cpu".into(), 10.0), ("gres/gpu".into(), -2.5)]);
    assert!(settings.retention.jobs.is_some() && settings.retention.archived.has(Archive::Jobs));
    assert_eq!(settings.max_query_seconds, Some(3600));
    assert_eq!(config.log.level, Level::Debug);
}

#[test]
fn what_is_printed_is_read_back() {
    let text = "PriorityDecayHalfLife=0\nLogFile=\"/var/log/my log\"\nDebugLevel=verbose\nPurgeTXNAfter=3days\n\
                PrivateData=all\nPriorityWeightTRES=mem=0.25\nMaxQueryTimeRange=2-0\nLogFormat=json\n\
                EnforcePartLimits=ANY\nPartitionName=DEFAULT MaxTime=1-0 State=DOWN\n\
                PartitionName=gpu Nodes=g[1-4] AllowAccounts=lab,solo State=UP Default=YES OverSubscribe=EXCLUSIVE\n\
                PartitionName=cpu Nodes=set DefaultTime=1:00:00 PriorityTier=3 DefMemPerCPU=100\n\
                NodeName=DEFAULT RealMemory=1000 Weight=3\nNodeName=g[1-4] Sockets=2 CoresPerSocket=4 \
                ThreadsPerCore=2 Gres=gpu:a100:4 Features=a,b State=DRAIN\nNodeName=c1 CPUs=4\n\
                NodeSet=set Nodes=c1 Feature=b\nLicenses=x:3,y\nGresTypes=gpu\nDefMemPerCPU=50\nMinJobAge=0";
    let bare = |config: Config| Config { warnings: Vec::new(), ..config };
    for config in [Config::default(), parse(text).unwrap()] {
        assert_eq!(bare(parse(&config.print()).unwrap()), bare(config.clone()), "{}", config.print());
    }
    assert!(parse(text).unwrap().print().contains("\nPriorityDecayHalfLife=00:00:00\n"));
}

#[test]
fn partitions_have_what_the_lines_before_say() {
    let config = parse(
        "PartitionName=a\nPartitionName=DEFAULT MaxTime=60 Nodes=ALL\nPartitionName=b QOS=Part\nPartitionName=c \\\n MaxTime=INFINITE",
    );
    let config = config.unwrap();
    let all: Vec<_> = config.accounting.partitions.iter().map(|it| (it.name.as_str(), it.max_minutes)).collect();
    assert_eq!(all, [("a", None), ("b", Some(60)), ("c", None)]);
    assert_eq!(config.accounting.partitions[1].qos.as_deref(), Some("part"));
    assert_eq!(config.warnings, [""; 0]);
    for (text, place, why) in [
        ("PartitionName=a\nPartitionName=a", "c:2:1", "partition a is there already"),
        ("PartitionName=a AllowAcounts=x", "c:1:17", "a partition has no `AllowAcounts`"),
        ("PartitionName=a MaxTime=soon", "c:1:17", "MaxTime: a number, a time or UNLIMITED is needed"),
        ("PartitionName=a MaxTime", "c:1:17", "this is not Key=Value"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(why), "{text}: {error}");
    }
}

#[test]
fn all_that_is_wrong_with_partitions_is_told_at_once() {
    let text = "PartitionName=a Maxtme=60 State=off QOS=x\nPartitionName=b Nodez=1 MaxNodes=some\nDebugLevl=info\nPartitionName=a";
    let error = parse(text).unwrap_err();
    let told = std::iter::once(error.to_string()).chain(error.notes.iter().cloned()).collect::<Vec<_>>().join("\n");
    for part in [
        " --> c:1:17",
        "a partition has no `Maxtme`",
        "c:1:27: State: UP, DOWN",
        "c:2:17: a partition has no `Nodez`",
        "c:2:25: MaxNodes: a number",
        "c:3:1: unknown key `DebugLevl`",
        "c:4:1: partition a is there already",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn keys_without_meaning_here_warn_and_tell_why() {
    let config = parse("Prolog=/x/y\nstoragepass=secret\nClusterName=x\nPartitionName=a Hidden=YES").unwrap();
    assert_eq!(config.cluster_name, "x");
    assert_eq!(config.warnings.len(), 3);
    assert!(config.warnings[0].starts_with("c:1:1: Prolog does nothing here: the scheduler has nothing like it yet"));
    assert!(!config.warnings[1].contains("secret"));
    assert!(config.warnings[2].starts_with("c:4:1: Hidden of partition a does nothing here"));
    let config = parse("PurgeJobAfter=12months\nPurgeStepAfter=never").unwrap();
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn every_key_is_there_once() {
    let mut names: Vec<_> = keys::all().map(|key| key.name.to_lowercase()).collect();
    names.extend(foreign::names().map(str::to_lowercase));
    names.sort();
    assert_eq!(names.windows(2).find(|pair| pair[0] == pair[1]), None);
}

/// The text of every source file below a directory but tests.
fn sources(directory: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, texts);
        } else if entry.extension().is_some_and(|it| it == "rs") && entry.file_name().is_some_and(|it| it != "tests.rs")
        {
            texts.push(std::fs::read_to_string(entry).unwrap());
        }
    }
}

/// The fields that a key's `set` writes: `jobs` of `config.accounting.jobs = …`.
fn written_fields(block: &str) -> Vec<&str> {
    let is_path = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    let path = |rest: &'_ str| rest.find(|c| !is_path(c)).unwrap_or(rest.len());
    let parts = block.split("config.").skip(1).map(|rest| rest.split_at(path(rest)));
    let written = parts.filter(|(_, then)| [" = ", " |= "].iter().any(|sign| then.starts_with(sign)));
    written.filter_map(|(path, _)| path.rsplit('.').next()).filter(|field| !field.is_empty()).collect()
}

/// A key that is said to take effect is read by something besides the configuration itself; the page is made of the same
/// table that reads them, so there is none that is not documented.
#[test]
fn every_key_that_takes_effect_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut product = Vec::new();
    for part in
        ["crates/slurm/src", "crates/scheduling/src", "crates/commands/src", "crates/service/src/store", "src/cli"]
    {
        sources(&root.join(part), &mut product);
    }
    let daemon = std::fs::read_dir(root.join("crates/service/src/daemon")).unwrap().map(|entry| entry.unwrap().path());
    for path in daemon.filter(|path| path.file_name().is_some_and(|name| name != "config")) {
        if path.is_dir() { sources(&path, &mut product) } else { product.push(std::fs::read_to_string(path).unwrap()) }
    }
    let is_read = |field: &str| {
        let after = |text: &str| text.chars().next().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        product.iter().any(|text| text.split(&format!(".{field}")).skip(1).any(after))
    };
    let (mut tables, mut looked_at) = (Vec::new(), 0);
    sources(&root.join("crates/service/src/daemon/config/keys"), &mut tables);
    for block in tables.iter().flat_map(|table| table.split("Key {").skip(1)) {
        let Some(name) = block.split("name: \"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        let Some(key) = keys::all().find(|key| key.is(name)) else { continue };
        if matches!(key.applies, keys::Applies::OnReload | keys::Applies::AtStart) {
            let fields = written_fields(block);
            assert!(fields.iter().all(|field| is_read(field)), "nothing reads {fields:?} of {name}");
            looked_at += usize::from(!fields.is_empty());
        }
    }
    assert!(looked_at >= 25, "only {looked_at} keys were looked at");
}

#[test]
fn a_restart_is_needed_for_some() {
    let (old, new) = (Config::default(), parse("StoreLocation=/x/y\nPrivateData=users").unwrap());
    assert_eq!(old.needs_restart(&new), ["StoreLocation"]);
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    if std::env::var_os("ENLIST_BLESS").is_some() {
        std::fs::write(&path, page::page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page::page(), "run it again with ENLIST_BLESS=1");
}

#[test]
fn lines_go_on_and_files_are_included() {
    let config =
        parse("NodeName=n[1-9] CPUs=64 \\\n  RealMemory=1000 State=UNKNOWN\nClusterName=\\\nBig # no \\\nMaxJobId=9")
            .unwrap();
    assert_eq!((config.cluster_name.as_str(), config.accounting.job_ids.last), ("big", 9));
    assert_eq!(config.cluster().unwrap().nodes[8].hardware.memory, 1000);
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("slurm.conf"), "include more.conf\nMaxJobId=9\n").unwrap();
    std::fs::write(at("more.conf"), "ClusterName=big\n").unwrap();
    let config = Config::read(&at("slurm.conf")).unwrap();
    assert_eq!((config.cluster_name.as_str(), config.accounting.job_ids.last), ("big", 9));
    std::fs::write(at("more.conf"), "Include slurm.conf\n").unwrap();
    assert!(Config::read(&at("slurm.conf")).unwrap_err().to_string().contains("in a circle"));
    std::fs::write(at("more.conf"), "\nNonsense=1\n").unwrap();
    assert!(Config::read(&at("slurm.conf")).unwrap_err().to_string().contains("more.conf:2:1"));
}

#[test]
fn nodes_and_partitions_are_what_the_scheduler_goes_by() {
    let config = parse(
        "ClusterName=c\nNodeName=DEFAULT Sockets=2 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=1000\n\
         NodeName=n[1-2] Gres=gpu:a100:2(S:0-1),gpu:h100 Feature=fast\nNodeName=m1 CPUs=8 NodeAddr=10.0.0.1\nGresTypes=gpu\n\
         NodeSet=quick Feature=fast\nPartitionName=DEFAULT MaxTime=60 PriorityTier=2\n\
         PartitionName=a Nodes=ALL Default=YES\nPartitionName=b Nodes=quick,m1,n1 DefaultTime=5 DefMemPerNode=10\n\
         DefMemPerCPU=7 KillWait=1 SlurmdTimeout=0 Licenses=matlab:2,x SelectTypeParameters=CR_CPU",
    );
    let config = config.unwrap();
    let cluster = config.cluster().unwrap();
    let names: Vec<_> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!((names, cluster.cluster.as_str()), (vec!["n1", "n2", "m1"], "c"));
    let (big, small) = (&cluster.nodes[0].hardware, &cluster.nodes[2].hardware);
    assert_eq!((big.cpus, big.threads_per_core, big.memory), (16, 2, 1000));
    assert_eq!((small.cpus, small.threads_per_core), (8, 1), "as many CPUs as cores: threads are not told apart");
    let stock: Vec<_> = big.gres.iter().map(|it| (it.name.as_str(), it.kind.as_deref(), it.count)).collect();
    assert_eq!(stock, [("gpu", Some("a100"), 2), ("gpu", Some("h100"), 1)]);
    let [a, b] = &cluster.partitions[..] else { panic!("{:?}", cluster.partitions) };
    let of = |line: &PartitionLine| line.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    assert_eq!((of(a), of(b)), ("n1,n2,m1".into(), "n1,n2,m1".into()));
    assert_eq!((a.tier, a.minutes(None), b.minutes(None)), (2, Some(60), Some(5)));
    assert_eq!((a.default_memory, b.default_memory), (MemoryDemand::PerCpu(7), MemoryDemand::PerNode(10)));
    assert_eq!((cluster.bounds.kill_wait, cluster.bounds.node_timeout), (1, u32::MAX));
    assert_eq!((cluster.licenses["matlab"], cluster.licenses["x"], cluster.counts_memory), (2, 1, false));
    assert_eq!(config.warnings, ["c:4:1: NodeAddr of node m1 does nothing here"]);
    assert!(parse("PartitionName=a Nodes=n1").unwrap().cluster().is_none(), "accounts alone");
}

#[test]
fn nodes_that_cannot_be_are_told() {
    for (text, part) in [
        ("NodeName=n1\nNodeName=n[0-1]", "NodeName=n1 is there twice"),
        ("NodeName=n1\nPartitionName=p Nodes=n[1-2]", "PartitionName=p: there is no NodeName=n2"),
        ("NodeName=n1 CPUs=3 ThreadsPerCore=2 CoresPerSocket=2", "NodeName=n1: CPUs must be"),
        ("NodeName=n1 CPUz=3", "c:1:13: a node has no `CPUz`"),
        ("NodeName=n1 CPUs=0", "CPUs: a whole number from 1"),
        ("NodeName=n[1-", "`n[1-` is no list of names"),
        ("NodeName=../x", "`../x` is no list of names"),
        ("NodeName=n1 Gres=gpu::2", "`gpu::2` is no name[:kind][:count]"),
        ("NodeName=n1 State=maybe", "State: UNKNOWN, DOWN or DRAIN"),
        ("NodeSet=a Nodez=1", "a set of nodes has no `Nodez`"),
        ("PartitionName=p OverSubscribe=maybe", "OverSubscribe: EXCLUSIVE or NO"),
        ("Licenses=a:x", "Licenses: a:x: a whole number"),
    ] {
        let error = parse(text).unwrap_err();
        let told = format!("{error}");
        assert!(told.contains(part) || part.starts_with("c:") && told.contains(&part[8..]), "{text}: {told}");
    }
}
