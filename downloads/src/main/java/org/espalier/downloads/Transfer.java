package org.espalier.downloads;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.downloads.DownloadListener.Step;

/** Brings one file here, in as many attempts as it takes, and checks it. */
final class Transfer {
  private static final int CHUNK = 1 << 18;
  private static final Pattern RANGE =
      Pattern.compile("bytes (\\d{1,18})-\\d{1,18}/(\\d{1,18}|\\*)");

  private final HubConnection hub;
  private final Patience patience;
  private final DownloadListener listener;

  Transfer(HubConnection hub, Patience patience, DownloadListener listener) {
    this.hub = hub;
    this.patience = patience;
    this.listener = listener;
  }

  /**
   * Completes an unfinished file.
   *
   * @param part what there is of it; may be missing or empty
   * @throws MalformedData when what the server sends is not what the hub announces
   * @throws IOException when the network fails for too long; the part stays
   */
  void complete(RemoteFile file, URI address, Path part) throws IOException {
    boolean inPieces = fill(file, address, part);
    if (isRight(file, part)) {
      return;
    }
    if (inPieces) {
      listener.notice(
          "%s: what came in pieces does not fit together; once more".formatted(file.name()));
      Files.delete(part);
      fill(file, address, part);
      if (isRight(file, part)) {
        return;
      }
    }
    Files.delete(part);
    throw new MalformedData(
        "what %s sent as %s is not what it announces (%s); it was thrown away: try again later"
            .formatted(hub.host(), file.name(), file.checksum()));
  }

  private boolean isRight(RemoteFile file, Path part) throws IOException {
    return file.checksum()
        .matches(part, done -> listener.progress(Step.CHECKING, file.name(), done, file.size()));
  }

  /** Whether the bytes came from more than one answer. */
  private boolean fill(RemoteFile file, URI address, Path part) throws IOException {
    Retry retry = new Retry(patience);
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      long most = channel.size();
      int answers = most == 0 ? 0 : 1;
      while (channel.size() != file.size()) {
        answers++;
        try {
          attempt(file, address, channel);
        } catch (IOException e) {
          if (channel.size() > most) {
            retry.succeeded();
          }
          retry.after(e);
        }
        most = Math.max(most, channel.size());
      }
      channel.force(true);
      return answers > 1;
    }
  }

  /** Fetches the rest, or, from servers that do not know ranges, all. */
  private void attempt(RemoteFile file, URI address, FileChannel channel) throws IOException {
    if (channel.size() > file.size()) {
      channel.truncate(0);
    }
    HttpResponse<InputStream> response = hub.get(address, file.name(), channel.size());
    try (InputStream body = response.body()) {
      long from = begin(file, response, channel.size());
      requireLength(file, from, response.headers().firstValueAsLong("Content-Length"));
      channel.truncate(from);
      channel.position(from);
      copy(file, body, channel);
    }
  }

  private long begin(RemoteFile file, HttpResponse<?> response, long wanted) throws IOException {
    switch (response.statusCode()) {
      case 200 -> {
        return 0;
      }
      case 206 -> {
        Matcher range =
            RANGE.matcher(response.headers().firstValue("Content-Range").orElse("none"));
        boolean fits =
            range.matches()
                && Long.parseLong(range.group(1)) == wanted
                && (range.group(2).equals("*") || Long.parseLong(range.group(2)) == file.size());
        if (!fits) {
          throw new IOException("%s sends another part of %s".formatted(hub.host(), file.name()));
        }
        return wanted;
      }
      default ->
          throw new IOException(
              "%s has no bytes of %s from %d on".formatted(hub.host(), file.name(), wanted));
    }
  }

  private void requireLength(RemoteFile file, long from, OptionalLong length) throws IOException {
    if (length.isPresent() && from + length.getAsLong() != file.size()) {
      throw new IOException(
          "%s offers %d bytes of %s where %d are missing"
              .formatted(hub.host(), length.getAsLong(), file.name(), file.size() - from));
    }
  }

  private void copy(RemoteFile file, InputStream body, FileChannel channel) throws IOException {
    byte[] chunk = new byte[CHUNK];
    long done = channel.position();
    try (SilenceGuard guard = new SilenceGuard(body, patience.silence())) {
      listener.progress(Step.DOWNLOADING, file.name(), done, file.size());
      for (int read = guard.read(chunk); read >= 0; read = guard.read(chunk)) {
        if (done + read > file.size()) {
          channel.truncate(0);
          throw new IOException(
              "%s sends more than the %d bytes of %s"
                  .formatted(hub.host(), file.size(), file.name()));
        }
        write(channel, ByteBuffer.wrap(chunk, 0, read));
        done += read;
        listener.progress(Step.DOWNLOADING, file.name(), done, file.size());
      }
    }
    if (done < file.size()) {
      throw new IOException(
          "%s ended after %d of the %d bytes of %s"
              .formatted(hub.host(), done, file.size(), file.name()));
    }
  }

  /** A full disk is no failure of the network: another attempt would meet it again. */
  private static void write(FileChannel channel, ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw new DeviceFailure("the download cannot be written: " + e.getMessage(), e);
    }
  }
}
