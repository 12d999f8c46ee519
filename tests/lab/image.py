"""What a pristine host has on top of this machine's own root: accounts, keys, sshd, sudo. Nothing of the machine's people."""
import grp
import os
from pathlib import Path

OPS_UID, OPSPW_UID = 1000, 1001
PASSWORD = "lab-sudo-password"  # of opspw, for sudo only; nothing outside the lab knows or takes it
PASSWORD_HASH = (
    "$6$enlistlab$4AEkTALgQh5pOgw9dZ0RqbmY77y6AzNhHdZqM5wZ65UmXUnAukk4z8JjkPswySBpcFZ3n3gZUiUBsIAz551h11"
)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Of the machine's root these show through; what else lies there is hidden.
SYSTEM = {"bin", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr", "var"}
VAR_LIB = {"dpkg", "misc", "pam", "ucf"}
# Empty directories instead of the machine's.
FRESH = {
    "dev": 0o755, "home": 0o755, "media": 0o755, "mnt": 0o755, "opt": 0o755, "opt/lab": 0o755, "root": 0o700,
    "run": 0o755, "srv": 0o755, "tmp": 0o1777, "usr/local": 0o755, "usr/local/bin": 0o755, "usr/local/sbin": 0o755,
    "var/cache": 0o755, "var/log": 0o755, "var/mail": 0o2775, "var/tmp": 0o1777,
    "etc/ssh": 0o755, "etc/sudoers.d": 0o755,
}
# Those of Slurm's commands that enlist is, by a link.
ENLIST_COMMANDS = ("sacct", "sacctmgr", "salloc", "sattach", "sbatch", "sbcast", "scancel", "scontrol", "sdiag", "sinfo", "sprio",
                   "squeue", "sreport", "srun", "sshare", "sstat")
# Hidden where the machine has the real ones: on a host they are ours or nobody's.
SLURM_COMMANDS = ("sacct", "sacctmgr", "salloc", "sattach", "sbatch", "sbcast", "scancel", "scontrol", "sdiag", "sinfo", "sprio",
                  "squeue", "sreport", "srun", "sshare", "sstat")
BACKUPS = [f"{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")]

SUDOERS = f"""Defaults env_reset, secure_path="{PATH}"
root ALL=(ALL:ALL) ALL
ops ALL=(ALL:ALL) NOPASSWD: ALL
opspw ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
# Debian's PAM stack less what needs systemd. `nodelay`: a wrong password is told at once, as tests wait for it.
PAM = """auth required pam_unix.so nodelay
account required pam_unix.so
session required pam_limits.so
session required pam_env.so
session required pam_unix.so
"""
# MaxStartups and MaxSessions are left as they come, on purpose: real login nodes have them too.
SSHD = """HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""
NSSWITCH = """passwd: files
group: files
shadow: files
gshadow: files
hosts: files
services: files
protocols: files
"""


def build(image, addresses, public_key):
    """Writes the layer that all hosts share into the directory `image`."""
    image.mkdir()
    hide(image, Path("/"), SYSTEM | {top for top in FRESH if "/" not in top})
    hide(image, Path("/var/lib"), VAR_LIB)
    for directory, mode in FRESH.items():
        fresh(image / directory, mode)
    for path in [f"etc/{name}" for name in BACKUPS] + [f"usr/bin/{name}" for name in SLURM_COMMANDS]:
        if os.path.lexists(f"/{path}"):
            whiteout(image / path)
    os.chown(image / "var/mail", 0, grp.getgrnam("mail").gr_gid)
    for name, (text, mode) in accounts().items():
        put(image / "etc" / name, text, mode)
        os.chown(image / "etc" / name, 0, grp.getgrnam("shadow").gr_gid if "shadow" in name else 0)
    put(image / "etc/hosts", "127.0.0.1 localhost\n" + "".join(f"{ip} {host}\n" for host, ip in addresses.items()))
    put(image / "etc/nsswitch.conf", NSSWITCH)
    put(image / "etc/resolv.conf", "")
    put(image / "etc/sudoers", SUDOERS, 0o440)
    put(image / "etc/pam.d/sshd", PAM)
    put(image / "etc/pam.d/sudo", PAM)
    put(image / "etc/ssh/sshd_config", SSHD)
    for home, uid in (("root", 0), ("home/ops", OPS_UID), ("home/opspw", OPSPW_UID)):
        authorize(image / home, uid, public_key)


def hide(image, directory, keep):
    """Hides what lies in this directory of the machine, but for the names in `keep`."""
    for name in os.listdir(directory):
        if name not in keep:
            whiteout(image / directory.relative_to("/") / name)


def whiteout(path):
    """Overlayfs's mark for "removed"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, 0o020000, os.makedev(0, 0))


def fresh(path, mode):
    """A directory of which the machine's own contents do not show."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    os.setxattr(path, "trusted.overlay.opaque", b"y")


def put(path, text, mode=0o644, owner=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner, owner)


def authorize(home, uid, public_key):
    put(home / ".ssh/authorized_keys", public_key, 0o600, uid)
    (home / ".ssh").chmod(0o700)
    for directory in (home, home / ".ssh"):
        os.chown(directory, uid, uid)


def accounts():
    """The account files: the machine's system accounts (files belong to them), ops and opspw, and nobody else."""
    def system(name):
        rows = [line.split(":") for line in Path("/etc", name).read_text().splitlines()]
        return [row for row in rows if int(row[2]) < 1000 or int(row[2]) == 65534]

    passwd, group = system("passwd"), system("group")
    names = {row[0] for row in passwd}
    shadow = [[name, "*", "19700", "0", "99999", "7", "", "", ""] for name in (row[0] for row in passwd)]
    for row in group:
        row[3] = ",".join(member for member in row[3].split(",") if member in names)
    for name, uid, secret in (("ops", OPS_UID, "*"), ("opspw", OPSPW_UID, PASSWORD_HASH)):
        passwd.append([name, "x", str(uid), str(uid), "", f"/home/{name}", "/bin/bash"])
        group.append([name, "x", str(uid), ""])
        shadow.append([name, secret, "19700", "0", "99999", "7", "", "", ""])
    gshadow = [[row[0], "!", "", row[3]] for row in group]

    def text(rows):
        return "".join(":".join(row) + "\n" for row in rows)
    return {
        "passwd": (text(passwd), 0o644), "group": (text(group), 0o644), "shadow": (text(shadow), 0o640),
        "gshadow": (text(gshadow), 0o640), "subuid": ("", 0o644), "subgid": ("", 0o644),
    }
