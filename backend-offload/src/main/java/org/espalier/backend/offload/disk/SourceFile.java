package org.espalier.backend.offload.disk;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.espalier.api.EspalierException.DeviceFailure;

/**
 * A model file that is read again and again. Reads go past the page cache where the file system
 * allows it, so that what is read is not kept a second time by the system. Safe for use by many
 * threads.
 */
public final class SourceFile implements AutoCloseable {
  private static final int LARGEST_BLOCK = 1 << 16;

  private final Path path;
  private final FileChannel channel;
  private final boolean direct;
  private final int block;
  private final Identity identity;

  /** What would change if somebody replaced the file or wrote to it. */
  private record Identity(long size, long modified, Object key) {
    static Identity of(Path path) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      Object key = attributes.fileKey();
      return new Identity(
          attributes.size(),
          attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
          key == null ? "" : key);
    }
  }

  private SourceFile(Path path, FileChannel channel, boolean direct, int block, Identity identity) {
    this.path = path;
    this.channel = channel;
    this.direct = direct;
    this.block = block;
    this.identity = identity;
  }

  /**
   * Opens a file.
   *
   * @throws DeviceFailure when it cannot be read
   */
  public static SourceFile open(Path path) {
    try {
      Identity identity = Identity.of(path);
      int block = block(path);
      Optional<OpenOption> past = pastThePageCache();
      if (block > 0 && past.isPresent()) {
        try {
          return new SourceFile(path, channel(path, past), true, block, identity);
        } catch (IOException | UnsupportedOperationException _) {
          // Some file systems, such as those in memory, have no direct reads.
        }
      }
      return new SourceFile(path, channel(path, Optional.empty()), false, 1, identity);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static FileChannel channel(Path path, Optional<OpenOption> past) throws IOException {
    return past.isPresent()
        ? FileChannel.open(path, StandardOpenOption.READ, past.get())
        : FileChannel.open(path, StandardOpenOption.READ);
  }

  /** Another channel to the file, which reads in the same way. */
  FileChannel another() throws IOException {
    return channel(path, direct ? pastThePageCache() : Optional.empty());
  }

  /**
   * The option for direct reads. The compiler warns of naming it in a way that cannot be turned
   * off, since it is the JDK's own and not Java's; where it is missing, reads are ordinary ones.
   */
  private static Optional<OpenOption> pastThePageCache() {
    try {
      for (Object option :
          Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
        if (option instanceof OpenOption open && option.toString().equals("DIRECT")) {
          return Optional.of(open);
        }
      }
    } catch (ClassNotFoundException _) {
      // another JDK
    }
    return Optional.empty();
  }

  /** The block size of direct reads, or 0 where it is not known or makes no sense. */
  private static int block(Path path) throws IOException {
    try {
      long size = Files.getFileStore(path).getBlockSize();
      return size > 0 && size <= LARGEST_BLOCK && Long.bitCount(size) == 1 ? (int) size : 0;
    } catch (UnsupportedOperationException _) {
      return 0;
    }
  }

  private static DeviceFailure unreadable(Path path, IOException e) {
    return new DeviceFailure(
        "'%s' cannot be read: %s"
            .formatted(path, Objects.requireNonNullElse(e.getMessage(), e.getClass().getName())),
        e);
  }

  /** Whether reads go past the page cache. */
  public boolean isDirect() {
    return direct;
  }

  /**
   * Whether somebody has changed it since it was opened: what has been read so far and what would
   * be read now may then be parts of different models.
   *
   * @throws DeviceFailure that says so
   */
  public void requireUnchanged() {
    try {
      Identity now = Identity.of(path);
      if (!now.equals(identity)) {
        String what =
            now.size != identity.size
                ? "its size went from %,d to %,d bytes".formatted(identity.size, now.size)
                : now.key.equals(identity.key)
                    ? "it was written to"
                    : "another file has taken its place";
        throw new DeviceFailure(
            "'%s' has changed since the model was opened (%s): open the model again"
                .formatted(path, what));
      }
    } catch (IOException e) {
      throw new DeviceFailure(
          "'%s' is gone or out of reach since the model was opened: put it back and open the model again"
              .formatted(path),
          e);
    }
  }

  /**
   * Reads a stretch.
   *
   * @param offset of its first byte
   * @param target receives as many bytes as it has room for
   * @param buffer working memory of the calling thread
   * @throws DeviceFailure when the file ends before or cannot be read
   */
  public void read(long offset, MemorySegment target, ReadBuffer buffer) {
    try {
      if (aligned(offset) && aligned(target.byteSize()) && aligned(target.address())) {
        fill(offset, target, target.byteSize());
      } else if (aligned(target.address() - offset) && isBetween(target.byteSize())) {
        readBetween(offset, target, buffer);
      } else {
        readAround(offset, target, buffer);
      }
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private boolean aligned(long number) {
    return (number & block - 1) == 0;
  }

  private boolean isBetween(long size) {
    return size >= 2L * block && size <= 1 << 30;
  }

  /**
   * Reads whole blocks in one go: those that the stretch fills straight into it, and those that it
   * shares with others, at its ends, by way of the buffer.
   */
  private void readBetween(long offset, MemorySegment target, ReadBuffer buffer)
      throws IOException {
    long before = offset & block - 1;
    long head = before == 0 ? 0 : block - before;
    long inside = target.byteSize() - head & -(long) block;
    long tail = target.byteSize() - head - inside;
    MemorySegment first = buffer.aligned(block).asSlice(0, head == 0 ? 0 : block);
    MemorySegment last = buffer.aligned(block).asSlice(block, tail == 0 ? 0 : block);
    ByteBuffer[] parts = {
      first.asByteBuffer(), target.asSlice(head, inside).asByteBuffer(), last.asByteBuffer()
    };
    if (buffer.channel(this).position(offset - before).read(parts) < before + target.byteSize()) {
      readAround(offset, target, buffer); // brings the rest, or says where the file ends
      return;
    }
    MemorySegment.copy(first, before, target, 0, head);
    MemorySegment.copy(last, 0, target, head + inside, tail);
  }

  /** Reads whole blocks that hold the stretch, and copies it out of them. */
  private void readAround(long offset, MemorySegment target, ReadBuffer buffer) throws IOException {
    long done = 0;
    while (done < target.byteSize()) {
      long at = offset + done;
      long before = at & block - 1;
      long needed = Math.min(target.byteSize() - done, buffer.size() - before);
      long whole = before + needed + block - 1 & -(long) block;
      MemorySegment read = buffer.aligned(block).asSlice(0, whole);
      fill(at - before, read, before + needed);
      MemorySegment.copy(read, before, target, done, needed);
      done += needed;
    }
  }

  /**
   * Reads into a segment, as far as the file goes.
   *
   * @param needed bytes that must come
   */
  private void fill(long offset, MemorySegment target, long needed) throws IOException {
    long done = 0;
    while (done < needed) {
      long length = Math.min(target.byteSize() - done, 1 << 30);
      ByteBuffer bytes = target.asSlice(done, length).asByteBuffer();
      int count = channel.read(bytes, offset + done);
      if (count > 0) {
        done += count;
      }
      if (count <= 0 || (done < needed && !aligned(done))) {
        throw new DeviceFailure(
            "'%s' ends at byte %,d, where %,d more are needed: it was cut short since the model was opened"
                .formatted(path, offset + done, needed - done));
      }
    }
  }

  @Override
  public void close() {
    close(channel);
  }

  void close(FileChannel one) {
    try {
      one.close();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }
}
