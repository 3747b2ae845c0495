package org.espalier.testkit.contract;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** A small honest format of texts and plain tensors, guarded by a checksum. */
class TrialFormat implements ModelFormat {
  private static final byte[] MAGIC = "TRIAL".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER = MAGIC.length + Long.BYTES;

  @Override
  public String id() {
    return "trial";
  }

  /** Whether the checksum in a file is that of its content. */
  boolean intact(long stored, long computed) {
    return stored == computed;
  }

  /** Where a file grows. */
  Path temporary(Path target) {
    return target.resolveSibling(target.getFileName() + ".part");
  }

  @Override
  public Offer<ModelArtifact> open(Path path) {
    byte[] file;
    try {
      file = Files.readAllBytes(path);
    } catch (IOException unreadable) {
      throw new DeviceFailure("cannot read " + path, unreadable);
    }
    if (file.length < MAGIC.length || !Arrays.equals(MAGIC, Arrays.copyOf(file, MAGIC.length))) {
      return Offer.declined(path + " does not begin as a trial file does");
    }
    if (file.length < HEADER) {
      throw new MalformedModel(path + " ends in its header");
    }
    long stored = MemorySegment.ofArray(file).get(ValueLayout.JAVA_LONG_UNALIGNED, MAGIC.length);
    byte[] content = Arrays.copyOfRange(file, HEADER, file.length);
    if (!intact(stored, checksum(content))) {
      throw new MalformedModel(path + " is damaged: its checksum is another");
    }
    try {
      return Offer.accepted(read(path, file.length, content));
    } catch (IOException cut) {
      throw new UncheckedIOException(cut);
    }
  }

  private static ModelArtifact read(Path path, long size, byte[] content) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(content));
    Map<String, MetadataValue> metadata = new LinkedHashMap<>();
    for (int left = in.readInt(); left > 0; left--) {
      metadata.put(in.readUTF(), new MetadataValue.Text(in.readUTF()));
    }
    Arena arena = Arena.ofShared();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int left = in.readInt(); left > 0; left--) {
      String name = in.readUTF();
      StorageType type = new StorageType.Plain(ElementType.valueOf(in.readUTF()));
      List<Long> shape = new ArrayList<>();
      for (int rank = in.readInt(); rank > 0; rank--) {
        shape.add(in.readLong());
      }
      byte[] bytes = in.readNBytes(in.readInt());
      MemorySegment segment = arena.allocate(bytes.length);
      segment.copyFrom(MemorySegment.ofArray(bytes));
      tensors.put(name, new Tensor(name, type, shape, segment.asReadOnly()));
    }
    return new Artifact(path, size, new Metadata(metadata), tensors, arena);
  }

  private static long checksum(byte[] content) {
    CRC32 checksum = new CRC32();
    checksum.update(content);
    return checksum.getValue();
  }

  @Override
  public Offer<ModelWriter> create(Path path, Metadata metadata) {
    return Offer.accepted(new Writer(path, temporary(path), metadata));
  }

  private record Artifact(
      Path path, long size, Metadata metadata, Map<String, Tensor> tensors, Arena arena)
      implements ModelArtifact {
    @Override
    public String format() {
      return "trial";
    }

    @Override
    public void close() {
      arena.close();
    }
  }

  private static final class Writer implements ModelWriter {
    private final Path target;
    private final Path temporary;
    private final Metadata metadata;
    private final Map<String, Tensor> declared = new LinkedHashMap<>();
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Writer(Path target, Path temporary, Metadata metadata) {
      this.target = target;
      this.temporary = temporary;
      this.metadata = metadata;
    }

    @Override
    public void declare(String name, StorageType type, List<Long> shape, long byteSize) {
      declared.put(name, new Tensor(name, type, shape, MemorySegment.ofArray(new byte[0])));
    }

    @Override
    public void write(String name, Content content) {
      try {
        ByteArrayOutputStream own = new ByteArrayOutputStream();
        content.writeTo(piece -> own.write(piece.toArray(ValueLayout.JAVA_BYTE)));
        Tensor tensor = declared.get(name);
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeUTF(name);
        out.writeUTF(tensor.type().toString());
        out.writeInt(tensor.shape().size());
        for (long dimension : tensor.shape()) {
          out.writeLong(dimension);
        }
        out.writeInt(own.size());
        own.writeTo(out);
        Files.write(temporary, bytes.toByteArray());
      } catch (IOException failure) {
        throw new DeviceFailure("cannot write " + temporary, failure);
      }
    }

    @Override
    public void finish() {
      try {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(content);
        out.writeInt(metadata.entries().size());
        for (String key : metadata.entries().keySet()) {
          out.writeUTF(key);
          out.writeUTF(metadata.text(key).orElseThrow());
        }
        out.writeInt(declared.size());
        bytes.writeTo(out);
        byte[] file = new byte[HEADER + content.size()];
        System.arraycopy(MAGIC, 0, file, 0, MAGIC.length);
        MemorySegment.ofArray(file)
            .set(ValueLayout.JAVA_LONG_UNALIGNED, MAGIC.length, checksum(content.toByteArray()));
        System.arraycopy(content.toByteArray(), 0, file, HEADER, content.size());
        Files.write(temporary, file);
        Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException failure) {
        throw new DeviceFailure("cannot write " + target, failure);
      }
    }

    @Override
    public void close() {
      try {
        if (!temporary.equals(target)) {
          Files.deleteIfExists(temporary);
        }
      } catch (IOException failure) {
        throw new DeviceFailure("cannot remove " + temporary, failure);
      }
    }
  }
}
