package org.espalier.server.load;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** A connection on which anything can be sent. */
final class RawClient implements AutoCloseable {
  private static final int CONNECT_MILLIS = 10_000;

  private final Socket socket = new Socket();

  /**
   * @param receiveBuffer bytes that may pile up unread; 0 for as many as is usual
   */
  RawClient(LoadOptions options, int receiveBuffer) throws IOException {
    if (receiveBuffer > 0) {
      socket.setReceiveBufferSize(receiveBuffer);
    }
    socket.connect(
        new InetSocketAddress(options.server().getHost(), options.port()), CONNECT_MILLIS);
  }

  void send(byte[] bytes) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(bytes);
    out.flush();
  }

  void send(String text) throws IOException {
    send(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** Reads some bytes; −1 at the end. */
  int read(byte[] target, Duration patience) throws IOException {
    socket.setSoTimeout((int) patience.toMillis());
    return socket.getInputStream().read(target);
  }

  /** The status of an answer that is read to its end; 0 when there was none. */
  int readAnswer(Duration patience) throws IOException {
    socket.setSoTimeout((int) patience.toMillis());
    InputStream in = socket.getInputStream();
    byte[] head = in.readNBytes(12);
    in.transferTo(OutputStream.nullOutputStream());
    String line = new String(head, StandardCharsets.ISO_8859_1);
    return line.matches("HTTP/1\\.1 \\d{3}") ? Integer.parseInt(line.substring(9)) : 0;
  }

  /** Vanishes without a word: the other side finds out when it next sends something. */
  void vanish() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
