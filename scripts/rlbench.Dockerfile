# RLBench in a container, with a software display:
#
#   docker build -f scripts/rlbench.Dockerfile -t genima-rlbench .
#   docker run --rm genima-rlbench python scripts/check_rlbench.py
#
# CoppeliaSim comes from its documented address, or from one of yours:
#   --build-arg COPPELIASIM=https://...
FROM ubuntu:22.04

RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates curl git xz-utils gcc g++ python3 python3-dev python3-venv libffi-dev \
        xvfb libgl1 libglu1-mesa libgl1-mesa-dri libegl1 libxrender1 libxkbcommon-x11-0 \
        libdbus-1-3 libfontconfig1 libxi6 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
        libxcb-render-util0 libxcb-xinerama0 \
    && rm -rf /var/lib/apt/lists/*

COPY . /genima
WORKDIR /genima
ARG COPPELIASIM=https://downloads.coppeliarobotics.com/V4_1_0/CoppeliaSim_Edu_V4_1_0_Ubuntu20_04.tar.xz
RUN scripts/install_rlbench.sh --venv /opt/rlbench --coppeliasim "$COPPELIASIM"

# As ROOT/activate sets them.
ENV PATH=/opt/rlbench/bin:$PATH \
    COPPELIASIM_ROOT=/opt/rlbench/rlbench/CoppeliaSim \
    LD_LIBRARY_PATH=/opt/rlbench/rlbench/CoppeliaSim \
    QT_QPA_PLATFORM_PLUGIN_PATH=/opt/rlbench/rlbench/CoppeliaSim
CMD ["genima-lite", "doctor"]
