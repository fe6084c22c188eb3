// Publishes npm/*.tgz, the platform packages first: nobody shall find velt-auth without them. It may
// be repeated: what is published already stays as it is.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, succeeds } from './run.mjs'

const { name, version, napi } = JSON.parse(readFileSync('package.json', 'utf8'))

const tag = process.env.GITHUB_REF_NAME
if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, the version ${version}`)

const suffix = `-${version}.tgz`
const packages = readdirSync('npm')
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
if (packages.length !== napi.targets.length + 1) throw new Error(`incomplete: ${packages}`)

for (const one of [...packages.filter((other) => other !== name), name]) {
  if (succeeds('npm', ['view', `${one}@${version}`, 'version'])) console.log(`${one} is there`)
  else run('npm', ['publish', join('npm', one + suffix), '--provenance', '--access', 'public'])
}
