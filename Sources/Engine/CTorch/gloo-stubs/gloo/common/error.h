#pragma once
// The PyTorch wheels ship no Gloo headers. c10d's ProcessGroupGloo.hpp only has to parse: the
// real Gloo is inside libtorch_cpu, and nothing declared in these stand-ins is made by us.
