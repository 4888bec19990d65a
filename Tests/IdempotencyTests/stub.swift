struct Q{}
