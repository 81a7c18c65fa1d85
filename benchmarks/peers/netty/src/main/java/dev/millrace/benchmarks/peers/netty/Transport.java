// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;

/** Who does the system calls. */
enum Transport {
  EPOLL {
    @Override
    IoHandlerFactory handlers() {
      Epoll.ensureAvailability();
      return EpollIoHandler.newFactory();
    }

    @Override
    Class<? extends ServerChannel> channel() {
      return EpollServerSocketChannel.class;
    }
  },
  NIO {
    @Override
    IoHandlerFactory handlers() {
      return NioIoHandler.newFactory();
    }

    @Override
    Class<? extends ServerChannel> channel() {
      return NioServerSocketChannel.class;
    }
  };

  abstract IoHandlerFactory handlers();

  abstract Class<? extends ServerChannel> channel();
}
