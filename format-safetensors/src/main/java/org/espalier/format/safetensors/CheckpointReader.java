package org.espalier.format.safetensors;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;

/** Finds the files of a checkpoint and opens them. */
final class CheckpointReader {
  private static final String SUFFIX = ".safetensors";
  private static final String SINGLE = "model" + SUFFIX;
  private static final String INDEX = SINGLE + ".index.json";
  private static final Pattern SHARD_NAME = Pattern.compile(".*-\\d{5}-of-(\\d{5})\\.safetensors");

  private CheckpointReader() {}

  static Offer<ModelArtifact> open(Path path) {
    if (Files.isDirectory(path)) {
      return openFolder(path);
    }
    if (Files.notExists(path)) {
      throw new InvalidRequest("there is no file '%s': check the path".formatted(path));
    }
    if (!Files.isRegularFile(path)) {
      return Offer.declined("'%s' is a device or pipe, not a safetensors file".formatted(path));
    }
    return openFile(path);
  }

  private static Offer<ModelArtifact> openFolder(Path folder) {
    Path single = folder.resolve(SINGLE);
    Path index = folder.resolve(INDEX);
    if (Files.exists(single)) {
      return Offer.accepted(read(folder, folder, shards -> shards.add(single)));
    }
    if (Files.exists(index)) {
      return Offer.accepted(read(folder, folder, shards -> shards.addIndexed(index)));
    }
    return Offer.declined("the folder '%s' has neither %s nor %s".formatted(folder, SINGLE, INDEX));
  }

  private static Offer<ModelArtifact> openFile(Path file) {
    if (!file.toString().endsWith(SUFFIX) && !Header.begins(start(file))) {
      return Offer.declined(
          "'%s' is not a safetensors file: it does not begin with the length of a header"
              .formatted(file));
    }
    requireWhole(file);
    Path folder = file.toAbsolutePath().getParent();
    return Offer.accepted(read(file, folder, shards -> shards.add(file)));
  }

  private static MemorySegment start(Path file) {
    try (InputStream stream = Files.newInputStream(file)) {
      return MemorySegment.ofArray(stream.readNBytes(Header.START_BYTES));
    } catch (IOException e) {
      throw IoFailure.unreadable(file, e);
    }
  }

  private static void requireWhole(Path file) {
    Matcher matcher = SHARD_NAME.matcher(file.toString());
    if (matcher.matches() && Integer.parseInt(matcher.group(1)) > 1) {
      throw new InvalidRequest(
          "'%s' is one shard of %d: open the folder that holds them all"
              .formatted(file, Integer.parseInt(matcher.group(1))));
    }
  }

  /**
   * Reads a checkpoint.
   *
   * @param path as the caller named it
   * @param folder with the JSON files
   * @param files adds its safetensors files
   */
  private static ModelArtifact read(Path path, Path folder, Consumer<Shards> files) {
    // Shared: any thread may read the tensors and any thread may close the artifact.
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      Shards shards = new Shards(arena);
      files.accept(shards);
      Metadata metadata = new CheckpointMetadata(folder, shards.tensors().values()).read();
      ModelArtifact artifact = new CheckpointArtifact(path, shards, metadata, arena);
      done = true;
      return artifact;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }
}
