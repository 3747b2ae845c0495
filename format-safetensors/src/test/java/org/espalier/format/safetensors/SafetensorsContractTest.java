package org.espalier.format.safetensors;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.contract.FormatContract;

class SafetensorsContractTest extends FormatContract {
  @Override
  protected ModelFormat format() {
    return new SafetensorsFormat();
  }

  @Override
  protected void writeSample(Path target) throws IOException {
    List<String> entries = new ArrayList<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Tensor tensor : tensors()) {
      int begin = data.size();
      data.writeBytes(tensor.bytes().toArray(ValueLayout.JAVA_BYTE));
      entries.add(
          CheckpointFolder.entry(
              tensor.name(),
              tensor.type().toString(),
              tensor.shape().toString(),
              begin,
              data.size()));
    }
    byte[] header =
        CheckpointFolder.header(entries.toArray(String[]::new)).getBytes(StandardCharsets.UTF_8);
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(length.putLong(0, header.length).array());
    file.writeBytes(header);
    file.writeBytes(data.toByteArray());
    Files.write(target, file.toByteArray());
  }
}
