package org.espalier.format.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.Tensor;

/** Maps a file and reads its header, metadata and table of tensors. */
final class GgufReader {
  /** The first four bytes, {@code GGUF}, as a little-endian number. */
  static final int MAGIC = 0x46554747;

  private static final Pattern PART_NAME = Pattern.compile(".*-\\d{5}-of-(\\d{5})\\.gguf");

  private GgufReader() {}

  static Offer<ModelArtifact> open(Path path) {
    if (Files.isDirectory(path)) {
      return Offer.declined("'%s' is a folder, not a GGUF file".formatted(path));
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      return Offer.declined("'%s' is a device or pipe, not a GGUF file".formatted(path));
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return open(path, channel);
    } catch (NoSuchFileException e) {
      throw new InvalidRequest("there is no file '%s': check the path".formatted(path));
    } catch (IOException e) {
      throw new DeviceFailure("'%s' cannot be read: %s".formatted(path, IoFailure.reason(e)), e);
    }
  }

  private static Offer<ModelArtifact> open(Path path, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size == 0) {
      return Offer.declined("'%s' is empty".formatted(path));
    }
    // Shared: any thread may read the tensors and any thread may close the artifact.
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      MemorySegment file = channel.map(MapMode.READ_ONLY, 0, size, arena);
      GgufInput input = new GgufInput(path, file);
      if (size < Integer.BYTES || input.int32() != MAGIC) {
        return Offer.declined(
            "'%s' is not a GGUF file: its first bytes are not 'GGUF'".formatted(path));
      }
      ModelArtifact artifact = read(input, file, arena);
      done = true;
      return Offer.accepted(artifact);
    } catch (InternalError e) {
      // How the VM reports that a mapped page has gone.
      throw new DeviceFailure(
          "'%s' was cut short or became unreadable while it was being read".formatted(path), e);
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  private static ModelArtifact read(GgufInput input, MemorySegment file, Arena arena) {
    int version = version(input);
    refusePart(input);
    long tensorCount =
        count(input, "tensors", TensorTable.MIN_ENTRY_BYTES, TensorTable.MAX_TENSORS);
    long entryCount =
        count(
            input, "metadata entries", MetadataReader.MIN_ENTRY_BYTES, MetadataReader.MAX_ENTRIES);
    MetadataReader metadataReader = new MetadataReader(input);
    Metadata metadata = metadataReader.read(entryCount);
    TensorTable table = new TensorTable(input, metadataReader.alignment());
    Map<String, Tensor> tensors = table.read(tensorCount, file);
    return new GgufArtifact(input.path(), file, version, metadata, tensors, arena);
  }

  private static long count(GgufInput input, String things, int minimumBytes, long maximum) {
    long place = input.position();
    long count = input.count(things, minimumBytes);
    if (count > maximum) {
      throw input.malformed(
          place,
          "%s announces %d %s, more than the %d allowed"
              .formatted(input.subject(), count, things, maximum));
    }
    return count;
  }

  private static int version(GgufInput input) {
    int version = input.int32();
    if (version == 2 || version == 3) {
      return version;
    }
    String found =
        version != 0 && (version & 0xFFFF) == 0
            ? "is big-endian"
            : "is of GGUF version " + Integer.toUnsignedString(version);
    throw new Unsupported(
        "'%s' %s; versions 2 and 3, little-endian, are supported: convert it again"
            .formatted(input.path(), found));
  }

  private static void refusePart(GgufInput input) {
    Path name = input.path().getFileName();
    Matcher matcher = PART_NAME.matcher(name == null ? "" : name.toString());
    if (matcher.matches() && Integer.parseInt(matcher.group(1)) > 1) {
      throw MetadataReader.split(input, Integer.parseInt(matcher.group(1)));
    }
  }
}
