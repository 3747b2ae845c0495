// All kernels: one module, which ./backend-cuda/compile-kernels turns into PTX.
#include "attention.cuh"
#include "multiply.cuh"
#include "qtip.cuh"
#include "route.cuh"
#include "stages.cuh"
