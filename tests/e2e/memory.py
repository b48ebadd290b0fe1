"""What memory a command needs at most, asked by a small process between: getrusage(2) of a child counts what it had of its parent before
execve, and pytest grows."""
import json
import subprocess
import sys

MEASURE = """import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(json.dumps({"status": done.returncode, "out": done.stdout, "err": done.stderr,
                  "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}))"""


def measured(okse, *words):
    """Run to success; returns (the peak of resident memory in bytes, stdout)."""
    done = json.loads(subprocess.run([sys.executable, "-c", MEASURE, okse.binary, *map(str, words)], check=True,
                                     capture_output=True, text=True, env=okse.environment, cwd=okse.directory).stdout)
    assert done["status"] == 0, done["err"]
    return done["peak"], done["out"]
