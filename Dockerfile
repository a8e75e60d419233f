# Our own image: the exporters, the gateway, the viewer and the demo's services. What goes in is listed in .dockerignore; needs BuildKit.
# It holds Node, the libraries that Node is linked to, our sources and what they import: no shell, no package manager.
# Without a network of their own, builds behind a mirror take npm's settings as a secret: --secret id=npmrc,src=$HOME/.npmrc
ARG NODE_IMAGE=node:24.21.0-trixie-slim

# The target's files; nothing in this stage runs, so a build for another processor needs no emulation.
FROM ${NODE_IMAGE} AS target

FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
# Every file gets the same time, so that what has not changed is the same layer, wherever and whenever it was built.
ENV SAME_TIME="-exec touch -h -d @0 {} +"
RUN --mount=type=bind,from=target,target=/target \
    mkdir -p /runtime/etc /runtime/app && mkdir -m 1777 /runtime/tmp \
    && cd /target \
    && cp --parents usr/local/bin/node /runtime \
    && find lib*/ \( -name 'ld-linux-*.so.*' -o -name 'libc.so.*' -o -name 'libm.so.*' -o -name 'libdl.so.*' \
      -o -name 'libpthread.so.*' -o -name 'libstdc++.so.6' -o -name 'libgcc_s.so.*' \) -exec cp --parents -L {} /runtime \; \
    && echo 'vitals:x:65532:65532::/:/none' >/runtime/etc/passwd \
    && echo 'vitals:x:65532:' >/runtime/etc/group \
    && echo 'hosts: files dns' >/runtime/etc/nsswitch.conf \
    && find /runtime ${SAME_TIME}
WORKDIR /modules/app
COPY package.json package-lock.json ./
COPY cache/package.json cache/
COPY telemetry/package.json telemetry/
# Every dependency is plain JavaScript, the same for each processor. Types and source maps are for editors.
RUN --mount=type=secret,id=npmrc NPM_CONFIG_USERCONFIG=/run/secrets/npmrc \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --cache /tmp/npm \
    && find node_modules \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete \
    && rm -rf package.json package-lock.json node_modules/.package-lock.json /tmp/npm \
    && find /modules ${SAME_TIME}
WORKDIR /sources/app
COPY . ./
# Readable for everybody, whatever their modes are in the checkout.
RUN chmod -R u=rwX,go=rX . && find /sources ${SAME_TIME}

FROM scratch
ARG NODE_IMAGE
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="vitals" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
# What changes least comes first: most changes send a megabyte.
COPY --from=build /runtime /
COPY --from=build /modules /
COPY --from=build /sources /
ENV PATH=/usr/local/bin
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["node"]
