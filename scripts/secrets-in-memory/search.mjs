// Counts strings in the memory of another process, on Linux, by the kind of the memory.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** @returns {Record<string, number>} how often `text` is in each kind of memory */
export function search(pid, text) {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const counts = {}
  for (const { start, size, kind } of regions(pid)) {
    const bytes = Buffer.alloc(size)
    try {
      readSync(memory, bytes, 0, size, start)
    } catch {
      continue // Memory of the kernel, such as [vvar].
    }
    const found = count(bytes, Buffer.from(text)) + count(bytes, Buffer.from(text, 'utf16le'))
    if (found > 0) counts[kind] = (counts[kind] ?? 0) + found
  }
  closeSync(memory)
  return counts
}

function count(bytes, wanted) {
  let found = 0
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) found += 1
  return found
}

/** The readable memory that is not a copy of a file. */
function* regions(pid) {
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n')) {
    const [, from, to, path] = /^(\w+)-(\w+) r\S+ \S+ \S+ \S+\s*(.*)$/.exec(line) ?? []
    if (from === undefined || path === '[vvar]') continue
    const start = Number.parseInt(from, 16)
    yield { start, size: Number.parseInt(to, 16) - start, kind: kindOf(start, path) }
  }
}

/**
 * glibc's malloc has `[heap]`, and for other threads areas that begin at a multiple of 64 MiB. V8 has
 * pages that begin at a multiple of 256 KiB.
 */
function kindOf(start, path) {
  if (path === '[stack]') return 'environment'
  if (path === '[heap]' || (path === '' && start % 2 ** 26 === 0)) return 'malloc'
  if (path === '' && start % 2 ** 18 === 0) return 'V8'
  return path === '' ? 'other' : path
}
