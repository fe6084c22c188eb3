// A pseudo-terminal, as a person uses it. Python has one in its standard library.

import { run } from './processes.mjs'

/** Runs a command in a terminal, presses Ctrl+C when it is ready, and waits until no process is left. */
const PYTHON = `
import json, os, pty, re, sys, time
ready, stdin, *command = sys.argv[1:]
group, terminal = pty.fork()
if group == 0:
    if stdin:
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
    os.execvp(command[0], command)
output, is_pressed = b'', False
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError: # Linux: all processes have closed the terminal
        chunk = b''
    if not chunk:
        break
    output += chunk
    if not is_pressed and re.search(ready.encode(), output):
        os.write(terminal, b'\\x03')
        is_pressed = True
code = os.waitstatus_to_exitcode(os.waitpid(group, 0)[1])
while True:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        break
    time.sleep(0.01)
print(json.dumps({'code': code, 'output': output.decode()}))
`

/**
 * Runs `command` in a terminal, and presses Ctrl+C when its output matches `ready`. Returns its exit code
 * and its output, when no process of the terminal is left. It fails if one is left after 30 seconds.
 *
 * @param stdin a file that is read instead of the keyboard
 */
export async function pressCtrlC(command, { ready, stdin = '', env }) {
  const { stdout } = await run('python3', ['-c', PYTHON, ready, stdin, ...command], {
    env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
  })
  return JSON.parse(stdout)
}
