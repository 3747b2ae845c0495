import module java.base;
import module org.espalier.api;

import org.espalier.api.tensor.ElementType;

/**
 * Writes a model of BF16 weights as one of the codec int8:
 *
 * <pre>java -p MODULES --add-modules ALL-MODULE-PATH Int8Model.java IN OUT</pre>
 */
static final ValueLayout.OfShort BF16 =
    ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

static final ValueLayout.OfFloat F32 =
    ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

void main(String[] args) {
  ModelFormat gguf =
      ServiceLoader.load(ModelFormat.class).stream()
          .map(ServiceLoader.Provider::get)
          .filter(format -> format.id().equals("gguf"))
          .findFirst()
          .orElseThrow();
  try (ModelArtifact in =
          gguf.open(Path.of(args[0])).orElseThrow(EspalierException.Unsupported::new);
      ModelWriter out =
          gguf.create(Path.of(args[1]), in.metadata())
              .orElseThrow(EspalierException.Unsupported::new)) {
    List<Tensor> tensors =
        in.tensors().values().stream().flatMap(tensor -> encoded(tensor).stream()).toList();
    tensors.forEach(t -> out.declare(t.name(), t.type(), t.shape(), t.bytes().byteSize()));
    tensors.forEach(t -> out.write(t.name(), sink -> sink.append(t.bytes())));
    out.finish();
  }
}

/** A matrix of BF16 as its codes and scales; everything else as it stands. */
List<Tensor> encoded(Tensor tensor) {
  if (!tensor.type().equals(new StorageType.Plain(ElementType.BF16))) {
    return List.of(tensor);
  }
  int inputs = Math.toIntExact(tensor.shape().getLast());
  int rows = Math.toIntExact(tensor.elements() / inputs);
  MemorySegment codes = Arena.ofAuto().allocate((long) rows * inputs);
  MemorySegment scales = Arena.ofAuto().allocate((long) rows * Float.BYTES);
  for (int row = 0; row < rows; row++) {
    float[] weights = new float[inputs];
    float largest = 0;
    for (int i = 0; i < inputs; i++) {
      short half = tensor.bytes().getAtIndex(BF16, (long) row * inputs + i);
      weights[i] = Float.intBitsToFloat(half << 16);
      largest = Math.max(largest, Math.abs(weights[i]));
    }
    scales.setAtIndex(F32, row, largest / 127);
    for (int i = 0; i < inputs; i++) {
      byte code = (byte) Math.round(127 * weights[i] / largest);
      codes.set(ValueLayout.JAVA_BYTE, (long) row * inputs + i, code);
    }
  }
  String stem = tensor.name().substring(0, tensor.name().lastIndexOf('.'));
  List<Long> shape = tensor.shape();
  return List.of(
      new Tensor(stem + ".int8.weight", new StorageType.Block("ggml", 24, "I8"), shape, codes),
      new Tensor(
          stem + ".int8.scale",
          new StorageType.Plain(ElementType.F32),
          shape.subList(0, shape.size() - 1),
          scales));
}
