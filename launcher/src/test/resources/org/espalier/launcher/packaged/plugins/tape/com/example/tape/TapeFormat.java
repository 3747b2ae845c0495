package com.example.tape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * One thing after another, numbers with the most significant byte first: "TAPE"; how many entries of
 * metadata, and each; how many tensors, and each with its bytes.
 */
public final class TapeFormat implements ModelFormat {
  private static final int MAGIC = 0x54415045;

  @Override
  public String id() {
    return "tape";
  }

  @Override
  public Offer<ModelArtifact> open(Path path) {
    if (!Files.isRegularFile(path)) {
      return Offer.declined("it is no file");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path)) {
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      if (file.byteSize() < 4 || file.asByteBuffer().getInt() != MAGIC) {
        arena.close();
        return Offer.declined("it does not begin with TAPE");
      }
      return Offer.accepted(new Reel(arena, path, file));
    } catch (IOException e) {
      throw new DeviceFailure(path + " cannot be read", e);
    } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException e) {
      arena.close();
      throw new MalformedModel(path + " is a torn tape", e);
    }
  }

  private static final class Reel implements ModelArtifact {
    private final Arena arena;
    private final Path path;
    private final MemorySegment file;
    private final ByteBuffer in;
    private final Metadata metadata;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    Reel(Arena arena, Path path, MemorySegment file) {
      this.arena = arena;
      this.path = path;
      this.file = file;
      this.in = file.asByteBuffer();
      in.getInt();
      Map<String, MetadataValue> entries = new LinkedHashMap<>();
      for (int left = in.getInt(); left > 0; left--) {
        entries.put(text(), value());
      }
      this.metadata = new Metadata(entries);
      for (int left = in.getInt(); left > 0; left--) {
        Tensor tensor = tensor();
        tensors.put(tensor.name(), tensor);
      }
    }

    private String text() {
      byte[] utf8 = new byte[Math.min(in.getInt(), in.remaining())];
      in.get(utf8);
      return new String(utf8, StandardCharsets.UTF_8);
    }

    private MetadataValue value() {
      return switch (in.get()) {
        case 't' -> new MetadataValue.Text(text());
        case 'w' -> new MetadataValue.Whole(MetadataValue.WholeType.INT64, in.getLong());
        case 'r' -> new MetadataValue.Real(MetadataValue.RealType.FLOAT64, in.getDouble());
        case 'f' -> new MetadataValue.Flag(in.get() != 0);
        case 's' -> {
          List<String> texts = new ArrayList<>();
          for (int left = in.getInt(); left > 0; left--) {
            texts.add(text());
          }
          yield new MetadataValue.Texts(texts);
        }
        default -> throw new IllegalArgumentException("no such value");
      };
    }

    private Tensor tensor() {
      String name = text();
      int code = in.getInt();
      StorageType type =
          code < 0
              ? new StorageType.Plain(ElementType.F32)
              : new StorageType.Block("ggml", code, "type " + code);
      List<Long> shape = new ArrayList<>();
      for (int left = in.getInt(); left > 0; left--) {
        shape.add(in.getLong());
      }
      long size = in.getLong();
      MemorySegment bytes = file.asSlice(in.position(), size);
      in.position(Math.toIntExact(in.position() + size));
      return new Tensor(name, type, shape, bytes);
    }

    @Override
    public Path path() {
      return path;
    }

    @Override
    public long size() {
      return file.byteSize();
    }

    @Override
    public String format() {
      return "tape";
    }

    @Override
    public Metadata metadata() {
      return metadata;
    }

    @Override
    public Map<String, Tensor> tensors() {
      return tensors;
    }

    @Override
    public void close() {
      arena.close();
    }
  }
}
