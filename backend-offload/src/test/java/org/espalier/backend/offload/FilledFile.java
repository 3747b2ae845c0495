package org.espalier.backend.offload;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.FileMap;

/** A file with the weights of a plan, in odd places, so that no read begins where a block does. */
record FilledFile(Path path, List<MemorySegment> segments, List<Long> offsets) implements FileMap {

  static FilledFile of(ModelPlan plan, Path path) throws IOException {
    Set<MemorySegment> segments = new LinkedHashSet<>();
    for (EncodedLinear linear : plan.linears()) {
      switch (linear.form()) {
        case LinearForm.Dense dense -> segments.addAll(dense.matrices());
        case LinearForm.Tiled tiled -> {
          segments.addAll(linear.parts().values());
          for (Rotation rotation : List.of(tiled.input(), tiled.output())) {
            if (rotation instanceof Rotation.SignedHadamard(int _, MemorySegment signs)) {
              segments.add(signs);
            }
          }
        }
      }
    }
    List<Long> offsets = new ArrayList<>();
    long offset = 37;
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (MemorySegment segment : segments) {
        channel.write(segment.asByteBuffer(), offset);
        offsets.add(offset);
        offset += segment.byteSize() + 13;
      }
    }
    return new FilledFile(path, List.copyOf(segments), offsets);
  }

  @Override
  public Optional<Extent> find(MemorySegment bytes) {
    for (int i = 0; i < segments.size(); i++) {
      long within = bytes.address() - segments.get(i).address();
      if (within >= 0 && within + bytes.byteSize() <= segments.get(i).byteSize()) {
        return Optional.of(new Extent(path, offsets.get(i) + within, bytes.byteSize()));
      }
    }
    return Optional.empty();
  }
}
