import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../../__test__/support/certificates.mjs'

/** Calls `run` with the certificates of a server and of its authority. `caFile` exists until `run` ends. */
export async function withCertificates(run) {
  const folder = mkdtempSync(join(os.tmpdir(), 'velt-auth-bench-'))
  try {
    const authority = await createAuthority('velt-auth bench CA')
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, authority.pem)
    await run({ ca: authority.pem, caFile, ...(await authority.issue()) })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
