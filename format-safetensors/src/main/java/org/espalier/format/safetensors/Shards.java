package org.espalier.format.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.tensor.FileMap;
import org.espalier.api.tensor.Tensor;

/** The safetensors files of a checkpoint, mapped, with the tensors of all of them. */
final class Shards {
  private final Arena arena;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final Map<Path, MemorySegment> mappings = new LinkedHashMap<>();
  private long size;
  private int count;

  /**
   * @param arena in which files are mapped
   */
  Shards(Arena arena) {
    this.arena = arena;
  }

  /** All tensors by name: shard by shard, in the order of their bytes. */
  Map<String, Tensor> tensors() {
    return tensors;
  }

  /** Bytes of all files. */
  long size() {
    return size;
  }

  /** Where the bytes of a tensor, or of a part of one, lie. */
  Optional<FileMap.Extent> find(MemorySegment bytes) {
    for (Map.Entry<Path, MemorySegment> mapping : mappings.entrySet()) {
      MemorySegment file = mapping.getValue();
      long offset = bytes.address() - file.address();
      if (bytes.isNative() && offset >= 0 && offset + bytes.byteSize() <= file.byteSize()) {
        return Optional.of(new FileMap.Extent(mapping.getKey(), offset, bytes.byteSize()));
      }
    }
    return Optional.empty();
  }

  /** How many files there are. */
  int count() {
    return count;
  }

  /** Adds a file with all its tensors. */
  void add(Path file) {
    tensors.putAll(read(file));
  }

  /**
   * Adds the files that an index names, with the tensors that it looks for in them.
   *
   * @throws MalformedModel when one of these is missing
   */
  void addIndexed(Path index) {
    namesByShard(index)
        .forEach((shard, names) -> {
          Path file = index.resolveSibling(shard);
          if (!Files.exists(file)) {
            throw new MalformedModel(
                "'%s' names the shard '%s', which is not there: fetch it into the same folder"
                    .formatted(index, Quote.of(shard)));
          }
          Map<String, Tensor> found = read(file);
          for (String name : names) {
            if (!found.containsKey(name)) {
              throw new MalformedModel(
                  "'%s' looks for the tensor '%s' in the shard '%s', which does not have it: get"
                          .formatted(index, Quote.of(name), Quote.of(shard))
                      + " fresh copies of both files");
            }
          }
          found.keySet().retainAll(names);
          tensors.putAll(found);
        });
  }

  private static SortedMap<String, Set<String>> namesByShard(Path index) {
    JsonObject map = JsonObject.read(index).object("weight_map");
    SortedMap<String, Set<String>> names = new TreeMap<>();
    for (String tensor : map.members().keySet()) {
      String shard = map.text(tensor).orElseThrow(() -> map.wrong(tensor, "the name of a file"));
      if (!isPlainName(shard)) {
        throw new MalformedModel(
            "'%s' names the shard '%s', which is not the name of a file in the same folder"
                .formatted(index, Quote.of(shard)));
      }
      names.computeIfAbsent(shard, key -> new TreeSet<>()).add(tensor);
    }
    if (names.isEmpty()) {
      throw new MalformedModel(
          "'%s' names no tensors: get a fresh copy of the file".formatted(index));
    }
    return names;
  }

  /** An index comes from strangers and must not lead anywhere else. */
  private static boolean isPlainName(String name) {
    return name.matches("[\\w.+ -]+") && !name.startsWith(".");
  }

  private Map<String, Tensor> read(Path file) {
    MemorySegment mapped = map(file);
    Map<String, Tensor> found = new LinkedHashMap<>();
    try {
      Header.tensors(file, mapped).forEach(tensor -> found.put(tensor.name(), tensor));
    } catch (InternalError e) {
      // How the VM reports that a mapped page has gone.
      throw new DeviceFailure(
          "'%s' was cut short or became unreadable while it was being read".formatted(file), e);
    }
    mappings.put(file, mapped);
    size += mapped.byteSize();
    count++;
    return found;
  }

  private MemorySegment map(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException e) {
      throw IoFailure.unreadable(file, e);
    }
  }
}
