// Publishes npm/*.tgz, the platform packages first, because velt-auth cannot be installed without them.
// It can be repeated: it skips the packages that are already published.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, succeeds } from './run.mjs'

const { name, version, napi } = JSON.parse(readFileSync('package.json', 'utf8'))

const tag = process.env.GITHUB_REF_NAME
if (tag !== `v${version}`)
  throw new Error(`The tag is ${tag}, but the version in package.json is ${version}.`)

const suffix = `-${version}.tgz`
const packages = readdirSync('npm')
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
if (packages.length !== napi.targets.length + 1)
  throw new Error(`npm/ does not contain all packages of version ${version}, only: ${packages}`)

for (const next of [...packages.filter((other) => other !== name), name]) {
  const isPublished = succeeds('npm', ['view', `${next}@${version}`, 'version'])
  if (isPublished) console.log(`${next} is already published`)
  else run('npm', ['publish', join('npm', next + suffix), '--provenance', '--access', 'public'])
}
