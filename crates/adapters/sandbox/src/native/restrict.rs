//! What a command is kept from, beside what it does not see.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

type Result<T, E = String> = std::result::Result<T, E>;

/// The newest of its versions that is asked for; of an older kernel what that has.
const NEWEST: ABI = ABI::V6;

/// Limits what a process may take, where no control group does.
pub(super) fn limit(processes: u64) -> Result<()> {
    for (resource, most) in [
        (Resource::RLIMIT_NPROC, processes),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NOFILE, 65_536),
    ] {
        // A limit that is lower already stays.
        let had = nix::sys::resource::getrlimit(resource);
        let most = had.map_or(most, |(_, hard)| most.min(hard));
        setrlimit(resource, most, most).map_err(|error| format!("setrlimit: {error}"))?;
    }
    Ok(())
}

/// Returns which version of Landlock the kernel has, as text.
pub(super) fn landlock_version() -> &'static str {
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    match made {
        Ok(_) => "yes",
        Err(_) => "no",
    }
}

/// Allows no files but those that show: to be written the workspace, /tmp and the devices.
pub(super) fn landlock(read_only: &[PathBuf]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| format!("landlock: {error}");
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(|error| failed(&error))?;
    let read = AccessFs::from_read(NEWEST);
    let all = AccessFs::from_all(NEWEST);
    let own = [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc",
    ];
    let mut rules = vec![(PathBuf::from("/"), AccessFs::ReadDir.into())];
    rules.extend(own.map(|path| (path.into(), read)));
    rules.extend(read_only.iter().map(|path| (path.clone(), read)));
    rules.extend(["/workspace", "/tmp", "/dev"].map(|path| (path.into(), all)));
    for (path, access) in rules {
        // Not every machine has all of them.
        let Ok(open) = PathFd::new(&path) else {
            continue;
        };
        let access = match path.is_dir() {
            true => access,
            false => access & AccessFs::from_file(NEWEST),
        };
        ruleset = ruleset
            .add_rule(PathBeneath::new(open, access))
            .map_err(|error| failed(&error))?;
    }
    let made = ruleset.restrict_self().map_err(|error| failed(&error))?;
    // What a kernel without it lacks is told by the probe.
    let (RulesetStatus::FullyEnforced
    | RulesetStatus::PartiallyEnforced
    | RulesetStatus::NotEnforced) = made.ruleset;
    Ok(())
}

/// System calls that no command needs, and by which others were broken out of before.
const DENIED: [libc::c_long; 47] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Refuses system calls: those above, sockets of other families than those of the network and
/// of this machine, and new user namespaces.
pub(super) fn seccomp() -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| format!("seccomp: {error}");
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().map(|number| (*number, Vec::new())).collect();
    let namespaces = (libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP)
        .cast_unsigned();
    let mut flags = Vec::new();
    for bit in (0..32)
        .map(|bit| 1u32 << bit)
        .filter(|bit| namespaces & bit != 0)
    {
        let bit = u64::from(bit);
        let operation = SeccompCmpOp::MaskedEq(bit);
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, operation, bit)
            .map_err(|error| failed(&error))?;
        flags.push(SeccompRule::new(vec![condition]).map_err(|error| failed(&error))?);
    }
    denied.insert(libc::SYS_clone, flags);
    let other = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ]
    .map(|family| {
        let family = u64::from(family.cast_unsigned());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    })
    .into_iter()
    .collect::<std::result::Result<Vec<_>, _>>()
    .map_err(|error| failed(&error))?;
    let other = SeccompRule::new(other).map_err(|error| failed(&error))?;
    denied.insert(libc::SYS_socket, vec![other]);
    // What programs do without is not there; `clone3` hides its flags from a filter.
    let absent = [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ];
    let absent = absent
        .into_iter()
        .map(|number| (number, Vec::new()))
        .collect();
    for (rules, errno) in [(denied, libc::EPERM), (absent, libc::ENOSYS)] {
        let architecture = std::env::consts::ARCH.try_into();
        let architecture = architecture.map_err(|error| failed(&error))?;
        let refused = SeccompAction::Errno(errno.cast_unsigned());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)
            .map_err(|error| failed(&error))?;
        let filter: BpfProgram = filter.try_into().map_err(|error| failed(&error))?;
        seccompiler::apply_filter(&filter).map_err(|error| failed(&error))?;
    }
    Ok(())
}
