// The token endpoint mounted in each framework, as a request listener for `node:http`.

import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import * as forExpress from 'velt-auth/express'
import * as forFastify from 'velt-auth/fastify'
import * as forFetch from 'velt-auth/fetch'
import * as forKoa from 'velt-auth/koa'
import * as forNode from 'velt-auth/node'

export const PATH = '/api/velt/token'

/**
 * `listener` makes a request listener from the handler's options. `header` reads a request header
 * from the arguments that the framework passes to `identify` and `onError`.
 */
export const FRAMEWORKS = {
  'Express 5': { listener: (options) => inExpress(express, options), header: get },
  'Express 4': { listener: (options) => inExpress(express4, options), header: get },
  'Fastify 5': { listener: inFastify, header: (request, name) => request.headers[name] },
  'Koa 3': { listener: inKoa, header: get },
  'Hono 4': { listener: inHono, header: (_request, name, c) => c.req.header(name) },
  'node:http': { listener: inNode, header: (req, name) => req.headers[name] },
}

function get(request, name) {
  return request.get(name)
}

function inExpress(framework, options) {
  const app = framework()
  app.use(framework.json())
  app.all(PATH, forExpress.veltTokenHandler(options))
  return app
}

async function inFastify(options) {
  const app = fastify()
  app.register(forFastify.veltTokenHandler(options), { prefix: PATH })
  await app.ready()
  return app.routing
}

function inKoa(options) {
  const app = new Koa()
  const handle = forKoa.veltTokenHandler(options)
  app.use((ctx, next) => (ctx.path === PATH ? handle(ctx) : next()))
  return app.callback()
}

function inHono(options) {
  const app = new Hono()
  const handle = forFetch.veltTokenHandler(options)
  app.all(PATH, (c) => handle(c.req.raw, c))
  return getRequestListener(app.fetch)
}

function inNode(options) {
  const handle = forNode.veltTokenHandler(options)
  return (req, res) =>
    req.url.split('?')[0] === PATH ? handle(req, res) : res.writeHead(404).end()
}
