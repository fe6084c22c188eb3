// What Linux knows about a process: its memory, threads and open file descriptors.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** @returns the resident memory in bytes, the threads, and the file descriptors by kind */
export function inspect(pid, ports) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)[1])
  return { resident: field('VmRSS') * 1024, threads: field('Threads'), files: files(pid, ports) }
}

/** Counts the open files of each kind: sockets by the server in `ports`, others by their type. */
function files(pid, ports) {
  const peers = remotePorts(pid)
  const counts = {}
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(link(`/proc/${pid}/fd/${descriptor}`), peers, ports)
    if (kind) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

function kindOf(target, peers, ports) {
  const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? []
  if (inode) return ports[peers.get(inode)] ?? 'other sockets'
  if (target.startsWith('anon_inode:')) return target.slice('anon_inode:'.length)
  return target && (target.startsWith('pipe:') ? 'pipes' : 'files')
}

/** The remote port of each TCP socket, by the inode of the socket. */
function remotePorts(pid) {
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1)
  return new Map(
    rows.map((row) => {
      const columns = row.trim().split(/\s+/)
      return [columns[9], Number.parseInt(columns[2].split(':')[1], 16)]
    }),
  )
}

/** The target of a link, or '' if the file has been closed in the meantime. */
function link(path) {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
