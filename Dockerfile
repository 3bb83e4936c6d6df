# One image for every role: `docker run chainbridge <role>`.
FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
# Ponder writes beside its configuration.
COPY --chown=node:node . .
RUN mkdir /data && chown node:node /data
USER node
ENTRYPOINT ["node", "/app/cli/main.ts"]
CMD ["--help"]
