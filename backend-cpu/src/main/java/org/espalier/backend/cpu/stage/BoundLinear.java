package org.espalier.backend.cpu.stage;

import java.lang.foreign.MemorySegment;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.numeric.Hadamard;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/** A linear with its kernel: rotation, core, rotation. */
public final class BoundLinear {
  /** Outputs per piece of work: some 50 µs of a 2048-wide matrix. */
  private static final int CHUNK = 128;

  private final EncodedLinear linear;
  private final CpuKernel kernel;
  private final Rotation input;
  private final Rotation output;
  private final int chunk;

  /** Binds. */
  public BoundLinear(EncodedLinear linear, CpuKernel kernel) {
    this.linear = linear;
    this.kernel = kernel;
    switch (linear.form()) {
      case LinearForm.Dense _ -> {
        input = new Rotation.Identity();
        output = new Rotation.Identity();
      }
      case LinearForm.Tiled tiled -> {
        input = tiled.input();
        output = tiled.output();
      }
    }
    int block = kernel.outputBlock();
    chunk = Math.max(block, CHUNK / block * block);
  }

  /** What was bound. */
  public EncodedLinear linear() {
    return linear;
  }

  /** The kernel of the core. */
  public CpuKernel kernel() {
    return kernel;
  }

  int outputs() {
    return linear.shape().outputs();
  }

  int inputs() {
    return linear.shape().inputs();
  }

  /** Into how many pieces the outputs of one expert are cut. */
  int chunks() {
    return (outputs() + chunk - 1) / chunk;
  }

  /** Rotates a row and hands it to the kernel. */
  void prepare(int expert, float[] x, int offset, KernelInput target, int row, Scratch scratch) {
    switch (input) {
      case Rotation.Identity _ -> kernel.prepare(x, offset, target, row);
      case Rotation.SignedHadamard(int block, MemorySegment signs) -> {
        int n = inputs();
        float[] rotated = scratch.floats(n);
        Elementwise.multiplySigns(x, offset, signs, (long) expert * n * Float.BYTES, rotated, 0, n);
        Hadamard.transform(rotated, 0, n, block);
        kernel.prepare(rotated, 0, target, row);
      }
    }
  }

  /** Computes one piece of the outputs, not yet rotated back. */
  void multiply(
      int expert,
      int piece,
      KernelInput prepared,
      int firstRow,
      int rows,
      float[] y,
      int yOffset,
      int yStride,
      Scratch scratch) {
    int from = piece * chunk;
    int to = Math.min(from + chunk, outputs());
    kernel.multiply(expert, from, to, prepared, firstRow, rows, y, yOffset, yStride, scratch);
  }

  /** Rotates a row of complete outputs back, in place. */
  void finish(int expert, float[] y, int offset) {
    switch (output) {
      case Rotation.Identity _ -> {
        // nothing to undo
      }
      case Rotation.SignedHadamard(int block, MemorySegment signs) -> {
        int n = outputs();
        Hadamard.transform(y, offset, n, block);
        Elementwise.multiplySigns(y, offset, signs, (long) expert * n * Float.BYTES, y, offset, n);
      }
    }
  }
}
